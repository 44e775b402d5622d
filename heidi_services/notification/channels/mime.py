"""A message as e-mail: MIME parts and headers that nobody can inject into."""

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
    """Does not parse a header again each time somebody looks at it: the generator does so a dozen times a message."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        return value


_POLICY = _AsStored(linesep="\r\n", refold_source="none")
_POLICY_UTF8 = _POLICY.clone(utf8=True)
_LONGEST_LINE = 900
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_UNQUOTED = re.compile(r"[^\s()<>\[\]:;@\\,\"]+")
_LINK = re.compile(r"https?://[^\s<>\"']+")


class BadAddress(ValueError):
    """The address cannot stand in a header; no server could deliver to it."""


def build(message: Message, *, sender: str, now: datetime) -> EmailMessage:
    """The e-mail of a message. Its Message-ID follows from the id alone, so a repeat is recognisable.

    Headers that are made here, of parts that cannot hold a line end, are stored as they are: parsing and folding each
    costs as much as everything else, and breaks the URL of List-Unsubscribe into encoded words.
    """
    to = address(message.recipient)
    mail = EmailMessage(policy=_POLICY if message.recipient.isascii() else _POLICY_UTF8)
    mail.set_raw("From", _origin(sender))
    mail.set_raw("To", str(to))
    mail["Subject"] = one_line(message.subject)
    mail.set_raw("Date", format_datetime(now))
    mail.set_raw("Message-ID", message_id(message, sender))
    mail.set_raw("Auto-Submitted", "auto-generated")
    if message.unsubscribe_url:
        mail.set_raw("List-Unsubscribe", f"<{message.unsubscribe_url}>")
        mail.set_raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
    mail.set_raw("MIME-Version", "1.0")
    mail.set_raw("Content-Type", f'multipart/alternative; boundary="=_{message.id.hex}"')
    mail.set_payload([_part(message.text, "plain"), _part(message.html or html_of(message.text), "html")])
    return mail


def _part(text: str, kind: str) -> MIMEText:
    """Readable where it can be; the older class, because it stores these two headers without parsing them."""
    text = text.rstrip("\n") + "\n"
    plain = text.isascii() and max(map(len, text.splitlines())) <= _LONGEST_LINE
    return MIMEText(text, kind, "us-ascii" if plain else "utf-8")


@lru_cache(maxsize=8)
def _origin(sender: str) -> str:
    """The configured sender as a header, parsed and encoded once."""
    name, spec = parseaddr(sender)
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = Address(name, addr_spec=spec)
    return mail.as_string().partition("\r\n\r\n")[0].removeprefix("From: ")


def address(text: str) -> Address:
    if _CONTROL.search(text):
        raise BadAddress("The address has control characters")
    local, at, domain = text.rpartition("@")
    if not text.isascii() and at and _UNQUOTED.fullmatch(local):
        return Address(username=local, domain=domain)  # the parser of addr_spec knows ASCII only
    try:
        return Address(addr_spec=text)
    except Exception as error:  # the parser raises IndexError and others on hostile input, besides its own
        raise BadAddress("The address is not one that mail can go to") from error


def message_id(message: Message, sender: str) -> str:
    domain = parseaddr(sender)[1].rpartition("@")[2]
    return f"<{message.id}@{domain}>"


def one_line(text: str) -> str:
    """Header text without line ends and control characters.

    `=?` would be read as an encoded word, which may decode to a line end; Python before 3.11.10 then writes
    it out as a header of its own.
    """
    return " ".join(_CONTROL.sub(" ", text).split()).replace("=?", "= ?")


def html_of(text: str) -> str:
    """An HTML part that says what the text says: paragraphs, and links one can click."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    body = "\n".join(f"<p>{_linked(paragraph)}</p>" for paragraph in paragraphs)
    return f'<!doctype html>\n<html><head><meta charset="utf-8"></head>\n<body>\n{body}\n</body></html>\n'


def _linked(text: str) -> str:
    parts, at = [], 0
    for match in _LINK.finditer(text):
        url = html.escape(match[0])
        parts += [html.escape(text[at : match.start()]), f'<a href="{url}">{url}</a>']
        at = match.end()
    return "".join([*parts, html.escape(text[at:])]).replace("\n", "<br>\n")
