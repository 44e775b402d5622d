"""Random subjects, names and texts arrive without loss, over a real SMTP connection, at a reader without tolerance."""

import quopri
import re
from base64 import b64decode
from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import SMTP
from html import unescape
from uuid import uuid4

import pytest
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import Envelope, Session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heidi_services.notification.channels.message import DeliveryOutcome, Message
from heidi_services.notification.channels.smtp_sender import SmtpSender
from tests.conftest import make_settings
from tests.notification.mailserver import Handler, mail_server

STRICT = SMTP.clone(raise_on_defect=True)
NAMES = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]


class RawHandler(Handler):
    """Keeps the bytes of the last message, as they were transmitted."""

    raw = b""

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        self.raw = bytes(envelope.original_content or b"")
        return "250 OK"


@pytest.fixture(scope="module")
def transmission() -> Iterator[tuple[SmtpSender, RawHandler]]:
    handler = RawHandler("250-PIPELINING")
    with mail_server(handler) as server:
        configured = make_settings("", "", smtp_url=server.url, mail_from="Ünï, Inc. <no-reply@bücher.example>")
        sender = SmtpSender(configured)
        yield sender, handler
        sender.close()


_CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029")
_PIECES = st.sampled_from(
    [" ", "  ", "=?utf-8?b?SGk=?=", "?=", ",", '"', "\\", "<", ">", "@", ".", "..", "\t", "ä", "日本語", "🇨🇭", "x" * 80]
)
_LINE = st.lists(_PIECES | st.text(_CHARACTERS, max_size=12), max_size=14).map(lambda parts: "".join(parts))
_TEXT = st.lists(_LINE | st.sampled_from(["", ".", "..", "From x", "--=_", "y" * 2000, "\x00\x0b\x0c\x85"]), max_size=8)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(subject=_LINE, name=_LINE, lines=_TEXT)
def test_a_thousand_random_mails_arrive_without_loss(
    transmission: tuple[SmtpSender, RawHandler], subject: str, name: str, lines: list[str]
) -> None:
    sender, handler = transmission
    message = Message(uuid4(), "ann@example.org", "\n".join(lines), subject=subject, recipient_name=name)
    assert sender.send(message).outcome is DeliveryOutcome.SENT
    headers, parts = _read(handler.raw)
    assert list(headers) == NAMES
    assert _decoded(headers["Subject"]) == _expected(subject)
    assert _display_name(headers["To"]) == (_expected(name), "ann@example.org")
    assert _display_name(headers["From"]) == ("Ünï, Inc.", "no-reply@xn--bcher-kva.example")
    plain, html = parts
    assert plain == re.sub(r"\r\n|\r", "\n", message.text).rstrip("\n") + "\n"
    shown = unescape(re.sub(r"<[^>]*>", "", html.partition("<title>")[2].partition("</title>")[0]))
    assert shown == _expected(subject)
    BytesParser(policy=STRICT).parsebytes(handler.raw)  # raises on a defect of the structure


def _expected(text: str) -> str:
    """A header is one line, in which control characters are spaces."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip()


def _read(raw: bytes) -> tuple[dict[str, str], list[str]]:
    """Read a message as RFC 5322 and RFC 2045 define it, without the tolerance of mail programs."""
    assert raw.isascii() and b"\0" not in raw
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw), "line ends are CRLF"
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    head, _, body = raw.decode("ascii").partition("\r\n\r\n")
    assert all(len(line) <= 78 or " " not in line.lstrip() for line in head.split("\r\n"))
    fields = [field.split(": ", 1) for field in re.split(r"\r\n(?![ \t])", head)]
    headers = {name: re.sub(r"\r\n(?=[ \t])", "", value) for name, value in fields}
    assert len(headers) == len(fields), "no header occurs twice"
    match = re.fullmatch(r'multipart/alternative; boundary="([^"]+)"', headers["Content-Type"])
    assert match is not None
    preamble, *parts, epilogue = re.split(rf"(?:^|\r\n)--{re.escape(match[1])}(?=\r\n|--)", body)
    assert (preamble, epilogue.strip()) == ("", "--")
    return headers, [_part(part.removeprefix("\r\n")) for part in parts]


def _part(part: str) -> str:
    head, _, content = part.partition("\r\n\r\n")
    encoding = re.search(r"Content-Transfer-Encoding: (\S+)", head)
    charset = re.search(r'charset="([\w-]+)"', head)
    assert encoding is not None and charset is not None
    if encoding[1] == "base64":
        assert re.fullmatch(r"([A-Za-z0-9+/=]{1,76}(\r\n)?)*", content)
        raw = b64decode(content.replace("\r\n", ""), validate=True)
    elif encoding[1] == "quoted-printable":
        assert all(len(line) <= 76 and not line.endswith((" ", "\t")) for line in content.split("\r\n"))
        raw = quopri.decodestring(content.encode())
    else:
        assert encoding[1] == "7bit"
        raw = content.encode()
    return raw.decode(charset[1]).replace("\r\n", "\n")


def _decoded(value: str) -> str:
    """Decode RFC 2047: only spaces between two encoded words are dropped, and no word is longer than 75 characters."""
    if "=?" not in value:
        return value
    words = value.split(" ")
    matches = [re.fullmatch(r"=\?utf-8\?b\?([A-Za-z0-9+/]+={0,2})\?=", word) for word in words]
    assert all(matches) and all(len(word) <= 75 for word in words)
    return "".join(b64decode(match[1], validate=True).decode() for match in matches if match)


def _display_name(value: str) -> tuple[str, str]:
    """Read a name and an address: an atom, a quoted string or encoded words before the angle brackets (RFC 5322)."""
    if "<" not in value:
        return "", value
    phrase, _, address = value.rpartition(" ")
    if quoted := re.fullmatch(r'"((?:[^"\\]|\\.)*)"', phrase):
        return re.sub(r"\\(.)", r"\1", quoted[1]), address[1:-1]
    if "=?" not in phrase:
        assert re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+", phrase), phrase
    return _decoded(phrase), address[1:-1]
