"""Read the e-mails that the mail sink of a standalone platform has stored instead of delivering them.

The sink is a Maildir; the ID of an e-mail is the name of its file, which begins with the time of its arrival.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

from sqlalchemy import Text, column

from heidi_common.database import cursors
from heidi_common.database.models import storable_text
from heidi_common.database.pagination import Page
from heidi_common.database.totals import Total
from heidi_common.problems import NotFound
from heidi_common.runtime import current_settings

_NAME = re.compile(r"(\d{1,19})\.\d+_\d+\.heidi\Z", re.ASCII)
_ORDER: Any = column("mail", Text)
MAX_SOURCE = 1_000_000
"""Characters of the source that are shown."""


def list_mails(limit: int, cursor: str | None, total: object) -> Page:
    """A page of e-mails, newest first, with their most important headers.

    Raises:
        BadRequest: The cursor is malformed.
        NotFound: This platform has no mail sink.
    """
    list_name = cursors.list_name(_ORDER, descending=True)
    last = None if cursor is None else cursors.decode(cursor, list_name, _ORDER)[0]
    names = sorted(_names(), key=_arrival, reverse=True)
    later = names if last is None else [name for name in names if _arrival(name) < _arrival(last)]
    shown = later[:limit]
    next_cursor = cursors.encode(list_name, shown[-1]) if len(later) > limit else None
    rows = [row for name in shown if (row := _summary(name)) is not None]
    return Page(rows, limit, next_cursor, Total(len(names)) if total else None)


def read_mail(mail_id: str) -> dict[str, Any]:
    """An e-mail with its texts, headers, attachments and source.

    Raises:
        NotFound: This platform has no mail sink, or the sink has no such e-mail.
    """
    content = _read(mail_id)
    if content is None:
        raise NotFound("The mail sink has no such e-mail.")
    mail = message_from_bytes(content, policy=policy.default)
    source = content.decode("utf-8", "replace")
    return _describe(mail_id, mail, len(content)) | {
        "headers": [{"name": name, "value": _text(value)} for name, value in mail.raw_items()],
        "text": _body(mail, "plain"),
        "html": _body(mail, "html"),
        "attachments": [_attachment(part) for part in mail.iter_attachments() if isinstance(part, EmailMessage)],
        "source": storable_text(source[:MAX_SOURCE]),
        "is_truncated": len(source) > MAX_SOURCE,
    }


def _folder() -> Path:
    folder = current_settings().mail_sink_folder
    if not folder:
        detail = "This platform has no mail sink: only `make run` without SMTP_URL stores e-mails."
        raise NotFound(detail, code="no_mail_sink")
    return Path(folder)


def _names() -> list[str]:
    folder = _folder()
    files = (path for part in ("new", "cur") if (folder / part).is_dir() for path in (folder / part).iterdir())
    return [path.name for path in files if _NAME.match(path.name)]


def _arrival(name: str) -> tuple[int, str]:
    return int(name.partition(".")[0]), name


def _read(mail_id: str) -> bytes | None:
    """The name must match the pattern, so that it cannot lead to another folder."""
    folder = _folder()
    for part in ("new", "cur"):
        if _NAME.match(mail_id) and (folder / part / mail_id).is_file():
            return (folder / part / mail_id).read_bytes()
    return None


def _summary(name: str) -> dict[str, Any] | None:
    content = _read(name)  # None: deleted since it was listed
    if content is None:
        return None
    return _describe(name, BytesHeaderParser(policy=policy.default).parsebytes(content), len(content))


def _describe(mail_id: str, mail: Any, size: int) -> dict[str, Any]:
    return {
        "id": mail_id,
        "received_at": datetime.fromtimestamp(_arrival(mail_id)[0] / 1e9, UTC),
        "from_": _header(mail, "From"),
        "to": _header(mail, "To"),
        "subject": _header(mail, "Subject"),
        "recipients": [_text(value) for name, value in mail.raw_items() if name == "Delivered-To"],
        "size": size,
    }


def _header(mail: Any, name: str) -> str | None:
    """The decoded value; as it stands in the e-mail if it does not follow the standards."""
    try:
        value = mail[name]
    except (ValueError, LookupError, TypeError, AttributeError):
        value = next((raw for key, raw in mail.raw_items() if key.lower() == name.lower()), None)
    return None if value is None else _text(value)


def _text(value: object) -> str:
    return storable_text(" ".join(str(value).split()))


def _body(mail: EmailMessage, kind: str) -> str | None:
    part = mail.get_body((kind,))
    return None if part is None else storable_text(_decode(part))


def _decode(part: Any) -> str:
    payload = part.get_payload(decode=True) or b""
    try:
        return str(payload.decode(part.get_content_charset("utf-8"), "replace"))
    except LookupError:  # an unknown charset
        return str(payload.decode("utf-8", "replace"))


def _attachment(part: Any) -> dict[str, Any]:
    payload = part.get_payload(decode=True) or b""
    return {"filename": part.get_filename(), "content_type": part.get_content_type(), "size": len(payload)}
