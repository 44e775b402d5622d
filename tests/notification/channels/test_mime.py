"""E-mail messages: stable IDs, two parts, and headers that are safe from injection."""

import re
from base64 import b64decode
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heidi_common.config.mail_sender import split_sender
from heidi_services.notification.channels.mail_headers import InvalidAddress
from heidi_services.notification.channels.message import Message
from heidi_services.notification.channels.mime import build_email
from heidi_services.notification.channels.text_html import text_to_html

_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
_NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_HEADERS = ["from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type"]


def _sent(**fields: Any) -> EmailMessage:
    values = {"id": _ID, "recipient": "ann@example.org", "subject": "Hi", "text": "Hello"} | fields
    mail = build_email(Message(**values), sender="Heidi <no-reply@example.com>", now=_NOW)
    return cast(EmailMessage, message_from_bytes(mail.as_bytes(), policy=SMTP))


def test_the_message_id_is_derived_from_the_notification_and_the_same_in_every_attempt() -> None:
    assert _sent()["Message-ID"] == _sent(text="again")["Message-ID"] == f"<{_ID}@example.com>"


def test_an_email_has_a_text_and_an_html_part() -> None:
    mail = _sent(text="Grüße\n\nhttps://example.org/a?b=1&c=2")
    plain, rich = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None and rich is not None
    assert plain.get_content().replace("\r\n", "\n") == "Grüße\n\nhttps://example.org/a?b=1&c=2\n"
    assert '<a href="https://example.org/a?b=1&amp;c=2">' in rich.get_content()


def test_a_sender_with_an_international_name_stays_readable() -> None:
    sender = "Müller & Söhne <buero@example.com>"
    mail = build_email(Message(id=_ID, recipient="ann@example.org", text="Hi"), sender=sender, now=_NOW)
    read = message_from_bytes(mail.as_bytes(), policy=SMTP)
    assert mail.as_bytes().isascii()
    assert read["From"].addresses[0].display_name == "Müller & Söhne"


def test_html_derived_from_text_escapes_it() -> None:
    assert "<script>" not in text_to_html("<script>alert(1)</script>")


def test_an_unsubscribe_link_has_the_header_of_one_click() -> None:
    url = f"https://example.org/api/v1/notifications/unsubscribe/{'x' * 120}"
    message = Message(id=_ID, recipient="ann@example.org", text="Hi", unsubscribe_url=url)
    mail = build_email(message, sender="no-reply@example.com", now=_NOW)
    assert f"\nList-Unsubscribe: <{url}>\r\n".encode() in mail.as_bytes(), "mail programs do not decode the URL"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.just("\n"), max_size=200))
def test_every_text_arrives_unchanged(text: str) -> None:
    plain = _sent(text=text).get_body(("plain",))
    assert plain is not None
    assert plain.get_content().replace("\r\n", "\n") == text.rstrip("\n") + "\n"


def test_very_long_lines_are_encoded_in_short_ones() -> None:
    raw = build_email(Message(id=_ID, recipient="ann@example.org", text="x" * 5000), sender="a@example.com", now=_NOW)
    assert max(map(len, raw.as_bytes().splitlines())) < 998


@given(st.text(max_size=120))
def test_no_subject_adds_a_header(subject: str) -> None:
    if any(0xD800 <= ord(char) <= 0xDFFF for char in subject):
        return  # rejected by the validation of requests
    mail = _sent(subject=subject)
    assert [name.lower() for name, _ in mail.items()] == _HEADERS


@pytest.mark.parametrize(
    "subject",
    [
        "Hi\r\nBcc: eve@example.org",
        "Hi\nBcc: eve@example.org",
        "=?utf-8?q?Hi=0D=0ABcc:_eve@example.org?=",
        "Hi\u2028Bcc: eve@example.org",
    ],
)
def test_a_line_end_in_a_subject_stays_in_the_subject(subject: str) -> None:
    mail = _sent(subject=subject)
    assert mail["Bcc"] is None
    assert "Hi" in mail["Subject"]


def test_a_long_international_subject_arrives_unchanged() -> None:
    subject = "Ihre Bestellung für Müller & Söhne GmbH ist auf dem Weg, voraussichtlich übermorgen – 日本語"
    assert _sent(subject=subject)["Subject"] == subject


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "ann",
        "ann@example.org\r\nBcc: eve@example.org",
        "ann@example.org, eve@example.org",
        "a\x00@example.org",
        "<",
        "@",
    ],
)
def test_an_invalid_address_is_rejected(recipient: str) -> None:
    with pytest.raises(InvalidAddress):
        _sent(recipient=recipient)


_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029"), max_size=200)


@given(_TEXT)
def test_every_subject_arrives_unchanged_in_lines_of_76_characters(subject: str) -> None:
    raw = build_email(Message(id=_ID, recipient="a@example.org", subject=subject, text=""), sender="a@b", now=_NOW)
    assert _decoded(raw["Subject"]) == subject.strip()
    assert all(len(line) <= 76 for line in f"Subject: {raw['Subject']}".split("\r\n"))


def _decoded(value: str) -> str:
    """Decode a header as RFC 2047 and RFC 5322 say, without the tolerance of mail programs."""
    unfolded = value.replace("\r\n", "")
    words = re.findall(r"=\?utf-8\?b\?([A-Za-z0-9+/=]+)\?=", unfolded)
    if not words:
        return unfolded
    assert re.fullmatch(r"(=\?utf-8\?b\?[A-Za-z0-9+/=]+\?= ?)+", unfolded)
    assert all(len(word) <= 63 for word in words)
    return "".join(b64decode(word).decode() for word in words)


@given(_TEXT.filter(str.strip))
def test_every_name_of_a_recipient_arrives_unchanged(name: str) -> None:
    message = Message(id=_ID, recipient="ann@example.org", recipient_name=name, text="")
    value = build_email(message, sender="a@example.com", now=_NOW)["To"]
    phrase, _, address = value.rpartition(" ")
    assert address == "<ann@example.org>"
    if quoted := re.fullmatch(r'"((?:[^"\\]|\\.)*)"', phrase):
        assert re.sub(r"\\(.)", r"\1", quoted[1]) == name.strip()
    else:
        assert _decoded(phrase.removesuffix("\r\n")) == name.strip()


@pytest.mark.parametrize(
    ("sender", "name", "address"),
    [
        ("Acme, Inc. <no-reply@example.com>", "Acme, Inc.", "no-reply@example.com"),
        ('"Acme, Inc." <no-reply@example.com>', "Acme, Inc.", "no-reply@example.com"),
        ("Müller & Söhne (Köln) <post@example.com>", "Müller & Söhne (Köln)", "post@example.com"),
        ("Team @ Work: News; <post@example.com>", "Team @ Work: News;", "post@example.com"),
        ("no-reply@example.com", "", "no-reply@example.com"),
        ("Heidi <post@bücher.example>", "Heidi", "post@xn--bcher-kva.example"),
    ],
)
def test_a_sender_needs_no_quotation_marks(sender: str, name: str, address: str) -> None:
    mail = build_email(Message(id=_ID, recipient="ann@example.org", text="Hi"), sender=sender, now=_NOW)
    read = message_from_bytes(mail.as_bytes(), policy=SMTP)["From"].addresses[0]
    assert (read.display_name, read.addr_spec) == (name, address)
    assert mail["Message-ID"].endswith(f"@{address.partition('@')[2]}>")


@pytest.mark.parametrize("sender", ["", "Acme", "a@b, c@d", "A <a@b> <c@d>", "A <a b@c>", "A\r\nBcc: x <a@b>", "@b"])
def test_an_impossible_sender_is_rejected_when_the_process_starts(sender: str) -> None:
    with pytest.raises(ValueError, match="name and an address"):
        split_sender(sender)


@pytest.mark.parametrize("domain", ["bücher.example", "日本.example", "FAß.example"])
def test_an_international_domain_needs_no_support_of_the_server(domain: str) -> None:
    address = _sent(recipient=f"ann@{domain}")["To"].addresses[0].addr_spec
    assert address.isascii() and address.startswith("ann@xn--")


@pytest.mark.parametrize("control", ["\x00", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\r"])
def test_no_character_leads_to_a_line_of_more_than_998_octets(control: str) -> None:
    text = control.join(["x" * 300] * 20)
    raw = build_email(Message(id=_ID, recipient="ann@example.org", text=text), sender="a@example.com", now=_NOW)
    assert max(map(len, raw.as_bytes().split(b"\r\n"))) <= 998
    plain = _sent(text=text).get_body(("plain",))
    assert plain is not None
    assert _lines(plain.get_content()) == _lines(text + "\n")


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Hello", "7bit"),
        ("Grüße aus Köln, and a longer part in English", "quoted-printable"),
        ("Привет из Москвы" * 9, "base64"),
    ],
)
def test_the_shorter_encoding_is_used(text: str, encoding: str) -> None:
    plain = _sent(text=text).get_body(("plain",))
    assert plain is not None
    assert plain["Content-Transfer-Encoding"] == encoding
    assert plain.get_content().strip() == text


@pytest.mark.parametrize(
    ("text", "url", "after"),
    [
        ("See https://example.org/a.", "https://example.org/a", "."),
        ("(see https://example.org/a)", "https://example.org/a", ")"),
        ("https://example.org/wiki/A_(b), or", "https://example.org/wiki/A_(b)", ","),
        ("Is it https://example.org/?q=1?", "https://example.org/?q=1", "?"),
        ("[https://example.org/x]!", "https://example.org/x", "]!"),
        ("'https://example.org/x'", "https://example.org/x", "&#x27;"),
    ],
)
def test_a_link_ends_where_people_end_it(text: str, url: str, after: str) -> None:
    assert f'<a href="{url}">{url}</a>{after}' in text_to_html(text)


def test_html_derived_from_text_has_a_title_and_a_language() -> None:
    rich = _sent(subject="Grüße & more", text="Hallo", locale="de").get_body(("html",))
    assert rich is not None
    assert '<html lang="de">' in rich.get_content() and "<title>Grüße &amp; more</title>" in rich.get_content()
