"""E-mail messages: MIME parts, and headers that are safe from header injection."""

import html
import re
from base64 import encodebytes
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from functools import lru_cache

from heidi_services.notification.channels.message import Message

_POLICY = EmailPolicy(linesep="\r\n")
_SHORT = 70
"""Characters of a subject that needs no fold."""
_MAX_LINE = 900
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_UNQUOTED = re.compile(r"[^\s()<>\[\]:;@\\,\"]+")
_LINE_END = re.compile(r"\r\n|\r|\n")
_LINK = re.compile(r"https?://[^\s<>\"']+")


class InvalidAddress(ValueError):
    """The address cannot be written in a header, so no server could deliver to it."""


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
        sender: MAIL_FROM, with or without a display name.
        now: The value of the Date header.

    Returns:
        An e-mail whose Message-ID is derived from the message's ID, so that a repeated one is recognized.

    Raises:
        InvalidAddress: The recipient is not an e-mail address.
    """
    boundary = f"=_{message.id.hex}"
    headers = {
        "From": _from_header(sender),
        "To": str(parse_address(message.recipient)),
        "Subject": _encode_subject(header_text(message.subject)),
        "Date": format_datetime(now),
        "Message-ID": message_id(message, sender),
        "Auto-Submitted": "auto-generated",
    }
    if message.unsubscribe_url:
        headers["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    headers["MIME-Version"] = "1.0"
    headers["Content-Type"] = f'multipart/alternative; boundary="{boundary}"'
    parts = [_part(message.text, "plain"), _part(message.html or text_to_html(message.text), "html")]
    body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"
    return Email(headers, body.encode())


def _part(text: str, subtype: str) -> str:
    """Short lines of ASCII are not encoded."""
    text = text.rstrip("\n") + "\n"
    if text.isascii() and max(map(len, text.splitlines())) <= _MAX_LINE:
        charset, encoding, content = "us-ascii", "7bit", _LINE_END.sub("\r\n", text)
    else:
        charset, encoding = "utf-8", "base64"
        content = encodebytes(text.encode()).decode().replace("\n", "\r\n")
    headers = f'Content-Type: text/{subtype}; charset="{charset}"\r\nContent-Transfer-Encoding: {encoding}\r\n'
    return f"{headers}\r\n{content}"


def _encode_subject(text: str) -> str:
    if text.isascii() and len(text) <= _SHORT:
        return text
    return _encode_header("Subject", text)


def _encode_header(name: str, value: str | Address) -> str:
    """Encode and fold a value that is long or contains other characters than ASCII."""
    mail = EmailMessage(policy=_POLICY)
    mail[name] = value
    return mail.as_string().partition("\r\n\r\n")[0].removeprefix(f"{name}: ")


@lru_cache(maxsize=8)
def _from_header(sender: str) -> str:
    """Encode the configured sender as the value of From; done once per sender."""
    name, address = parseaddr(sender)
    return _encode_header("From", Address(name, addr_spec=address))


def parse_address(text: str) -> Address:
    """Parse one e-mail address; raises InvalidAddress."""
    if _CONTROL.search(text):
        raise InvalidAddress("The address contains control characters")
    local, at_sign, domain = text.rpartition("@")
    if not text.isascii() and at_sign and _UNQUOTED.fullmatch(local):
        return Address(username=local, domain=domain)  # the parser of addr_spec supports only ASCII
    try:
        return Address(addr_spec=text)
    except Exception as error:  # besides its own exceptions, the parser raises IndexError and others on hostile input
        raise InvalidAddress("The address is not a valid e-mail address") from error


def message_id(message: Message, sender: str) -> str:
    """Derive the Message-ID from the message's ID and the sender's domain."""
    domain = parseaddr(sender)[1].rpartition("@")[2]
    return f"<{message.id}@{domain}>"


def header_text(text: str) -> str:
    """Return the text of a header, without line ends and control characters.

    A `=?` would be parsed as an encoded word, which may decode to a line end; before 3.11.10, Python then writes the
    rest as a separate header.
    """
    return " ".join(_CONTROL.sub(" ", text).split()).replace("=?", "= ?")


def text_to_html(text: str) -> str:
    """Convert plain text to an HTML document with paragraphs and clickable links."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    body = "\n".join(f"<p>{_linkify(paragraph)}</p>" for paragraph in paragraphs)
    return f'<!doctype html>\n<html><head><meta charset="utf-8"></head>\n<body>\n{body}\n</body></html>\n'


def _linkify(text: str) -> str:
    parts, position = [], 0
    for match in _LINK.finditer(text):
        url = html.escape(match[0])
        parts += [html.escape(text[position : match.start()]), f'<a href="{url}">{url}</a>']
        position = match.end()
    return "".join([*parts, html.escape(text[position:])]).replace("\n", "<br>\n")
