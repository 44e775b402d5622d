"""E-mail messages: MIME parts, and headers that are safe from header injection."""

import html
import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.mime.text import MIMEText
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from functools import lru_cache

from heidi_services.notification.channels.message import Message


class _AsStored(EmailPolicy):
    """Does not parse a header each time it is read: the generator reads headers a dozen times per message."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        return value


_POLICY = _AsStored(linesep="\r\n", refold_source="none")
_POLICY_UTF8 = _POLICY.clone(utf8=True)
_MAX_LINE = 900
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_UNQUOTED = re.compile(r"[^\s()<>\[\]:;@\\,\"]+")
_LINK = re.compile(r"https?://[^\s<>\"']+")


class InvalidAddress(ValueError):
    """The address cannot be written in a header, so no server could deliver to it."""


def build_email(message: Message, *, sender: str, now: datetime) -> EmailMessage:
    """Build the e-mail of a message.

    Most headers are stored with `set_raw`, without parsing and folding: these take as long as everything else, and they
    break the URL of List-Unsubscribe into encoded words. It is safe, because the values cannot contain a line end.

    Args:
        sender: MAIL_FROM, with or without a display name.
        now: The value of the Date header.

    Returns:
        An e-mail whose Message-ID is derived from the message's ID, so that a repeated one is recognised.

    Raises:
        InvalidAddress: The recipient is not an e-mail address.
    """
    recipient = parse_address(message.recipient)
    mail = EmailMessage(policy=_POLICY if message.recipient.isascii() else _POLICY_UTF8)
    mail.set_raw("From", _from_header(sender))
    mail.set_raw("To", str(recipient))
    mail["Subject"] = header_text(message.subject)
    mail.set_raw("Date", format_datetime(now))
    mail.set_raw("Message-ID", message_id(message, sender))
    mail.set_raw("Auto-Submitted", "auto-generated")
    if message.unsubscribe_url:
        mail.set_raw("List-Unsubscribe", f"<{message.unsubscribe_url}>")
        mail.set_raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
    mail.set_raw("MIME-Version", "1.0")
    mail.set_raw("Content-Type", f'multipart/alternative; boundary="=_{message.id.hex}"')
    mail.set_payload([_part(message.text, "plain"), _part(message.html or text_to_html(message.text), "html")])
    return mail


def _part(text: str, subtype: str) -> MIMEText:
    """Short lines of ASCII are not encoded. MIMEText, unlike EmailMessage, stores its headers without parsing them."""
    text = text.rstrip("\n") + "\n"
    needs_no_encoding = text.isascii() and max(map(len, text.splitlines())) <= _MAX_LINE
    return MIMEText(text, subtype, "us-ascii" if needs_no_encoding else "utf-8")


@lru_cache(maxsize=8)
def _from_header(sender: str) -> str:
    """Encode the configured sender as the value of From; done once per sender."""
    name, address = parseaddr(sender)
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = Address(name, addr_spec=address)
    return mail.as_string().partition("\r\n\r\n")[0].removeprefix("From: ")


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
