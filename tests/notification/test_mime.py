"""E-mail messages: stable IDs, two parts, and headers that are safe from injection."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heidi_services.notification.channels.message import Message
from heidi_services.notification.channels.mime import InvalidAddress, build_email, text_to_html

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
