"""E-mail messages: their headers and MIME parts."""

import re
from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from heidi_common.config.mail_sender import split_sender
from heidi_services.notification.channels.attachment_part import attachment_part
from heidi_services.notification.channels.email_options import EmailOptions
from heidi_services.notification.channels.mail_headers import encode_mailbox, encode_text, header_text, parse_address
from heidi_services.notification.channels.message import Message
from heidi_services.notification.channels.text_html import text_to_html

_MAX_LINE = 900
_LINE_END = re.compile(r"\r\n|\r|\n")
_NOT_PLAIN = re.compile(r"[^\t\n -~]")


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail as it is transmitted. The values of the headers are encoded and contain no line end but of a fold."""

    headers: Mapping[str, str]
    body: bytes

    def __getitem__(self, name: str) -> str:
        return self.headers[name]

    def as_bytes(self) -> bytes:
        """Serialize it with CRLF line ends."""
        return "".join(f"{name}: {value}\r\n" for name, value in self.headers.items()).encode() + b"\r\n" + self.body


def build_email(message: Message, *, sender: str, now: datetime) -> Email:
    """Build the e-mail of a message.

    The parts are written here, since the classes of `email` take as long for them as everything else in the worker.

    Args:
        sender: The sender, with or without a display name.
        now: The value of the Date header.

    Returns:
        An e-mail whose Message-ID is derived from the message's ID, so that a repeated one is recognized.

    Raises:
        InvalidAddress: The recipient, or one of the copies, is not an e-mail address.
    """
    boundary, subject = f"=_{message.id.hex}", header_text(message.subject)
    headers = {
        "From": _from_header(sender),
        "To": encode_mailbox("To", header_text(message.recipient_name), parse_address(message.recipient)),
        **_optional_mailboxes(message.email),
        "Subject": encode_text("Subject", subject),
        "Date": format_datetime(now),
        "Message-ID": message_id(message, sender),
        "Auto-Submitted": "auto-generated",
    }
    if message.expires_at is not None:
        headers["Expires"] = format_datetime(message.expires_at)  # RFC 4021, section 2.1.49
    if message.unsubscribe_url:
        headers["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    headers["MIME-Version"] = "1.0"
    html = message.html or text_to_html(message.text, title=subject, lang=message.locale)
    texts = [_part(message.text, "plain").encode(), _part(html, "html").encode()]
    kind, body = f'multipart/alternative;\r\n boundary="{boundary}"', _join_parts(texts, boundary)
    if message.attachments:
        parts = [f"Content-Type: {kind}\r\n\r\n".encode() + body, *map(attachment_part, message.attachments)]
        boundary += "-mixed"
        kind, body = f'multipart/mixed;\r\n boundary="{boundary}"', _join_parts(parts, boundary)
    headers["Content-Type"] = kind
    return Email(headers, body)


def _join_parts(parts: Iterable[bytes], boundary: str) -> bytes:
    delimiter = f"--{boundary}".encode()
    return b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + b"--\r\n"


def encoded_bytes(text: str, html: str) -> int:
    """The size of an e-mail's text and HTML part as they are transmitted. An empty `html` is derived from `text`."""
    return len(_part(text, "plain").encode()) + len(_part(html or text_to_html(text), "html").encode())


def _part(text: str, subtype: str) -> str:
    """Short lines of ASCII are not encoded. Other texts are encoded in the way that is shorter.

    The lines are those that SMTP knows: a form feed, for instance, ends none.
    """
    text = _LINE_END.sub("\n", text).rstrip("\n") + "\n"
    charset = "us-ascii" if text.isascii() else "utf-8"
    if not _NOT_PLAIN.search(text) and max(map(len, text.split("\n"))) <= _MAX_LINE:
        encoding, content = "7bit", text
    else:
        encoding, content = _encode_body(text.encode())
    headers = f'Content-Type: text/{subtype}; charset="{charset}"\r\nContent-Transfer-Encoding: {encoding}\r\n'
    return f"{headers}\r\n{content}".replace("\r\n", "\n").replace("\n", "\r\n")


def _encode_body(body: bytes) -> tuple[str, str]:
    """Return the transfer encoding and the encoded text; text in Latin letters stays readable in its source."""
    quoted, encoded = b2a_qp(body), encodebytes(body)
    return ("quoted-printable", quoted.decode()) if len(quoted) <= len(encoded) else ("base64", encoded.decode())


@lru_cache(maxsize=8)
def _from_header(sender: str) -> str:
    """Encode the sender as the value of From; done once per sender."""
    return _mailbox("From", sender)


def _optional_mailboxes(options: EmailOptions) -> dict[str, str]:
    values = {"Reply-To": [options.reply_to] if options.reply_to else [], "Cc": options.cc}
    return {
        name: ",\r\n ".join(_mailbox(name, mailbox) for mailbox in mailboxes)
        for name, mailboxes in values.items()
        if mailboxes
    }


def _mailbox(header: str, mailbox: str) -> str:
    name, address = split_sender(mailbox)
    return encode_mailbox(header, name, parse_address(address))


def message_id(message: Message, sender: str) -> str:
    """Derive the Message-ID from the message's ID and the sender's domain."""
    return f"<{message.id}@{parse_address(split_sender(sender).address).rpartition('@')[2]}>"
