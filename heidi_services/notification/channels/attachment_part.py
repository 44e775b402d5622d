"""Attachments as parts of an e-mail."""

from __future__ import annotations

import re
from base64 import encodebytes
from email.message import MIMEPart
from email.policy import SMTP

from heidi_services.notification.channels.message import Attachment

_MEDIA_TYPE = re.compile(r"(application|audio|font|image|model|text|video)/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
BINARY = "application/octet-stream"


def media_type(attachment: Attachment) -> str:
    """The media type under which a file is sent.

    Types that say something about the e-mail itself (`message/...`, `multipart/...`) are not sent.
    """
    kind = attachment.content_type.lower()
    return kind if _MEDIA_TYPE.fullmatch(kind) else BINARY


def attachment_part(attachment: Attachment) -> bytes:
    """The headers and the content of an attachment, in base64 so that every byte arrives unchanged.

    Text is declared to be UTF-8, which the file service requires of it.
    """
    part, kind = MIMEPart(policy=SMTP), media_type(attachment)
    part.add_header("Content-Type", kind, **({"charset": "utf-8"} if kind.startswith("text/") else {}))
    part.add_header("Content-Transfer-Encoding", "base64")
    part.add_header("Content-Disposition", "attachment", filename=attachment.name)
    headers = "".join(SMTP.fold(name, value) for name, value in part.items())
    return f"{headers}\r\n".encode() + encodebytes(attachment.content).replace(b"\n", b"\r\n")
