"""The length of texts, measured as they are transmitted: segments of SMS, bytes of e-mails and push messages."""

import json
from collections.abc import Callable

import pytest
import regex
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from heidi_common.identity.models import Role
from heidi_services.notification.channels.graphemes import ELLIPSIS, shorten
from heidi_services.notification.channels.push_text import MAX_TEXT, json_bytes, push_text
from heidi_services.notification.channels.sms_segments import segmentation
from heidi_services.notification.enums import Channel
from heidi_services.notification.service.templates import text_limits
from heidi_services.notification.service.templates.text_limits import TextTooLong, check_length
from tests.conftest import SignedIn
from tests.notification.conftest import Post

AsUser = Callable[..., SignedIn]
FAMILY, FLAG, ACCENTED, HANGUL = "👩‍👩‍👧‍👦", "🇨🇭", "e\u0301", "\u1112\u1161\u11ab"


@pytest.mark.parametrize(
    ("text", "encoding", "segments"),
    [
        ("", "GSM-7", 1),
        ("x" * 160, "GSM-7", 1),
        ("x" * 161, "GSM-7", 2),
        ("x" * 306, "GSM-7", 2),
        ("x" * 307, "GSM-7", 3),
        ("Ünïcode"[0] * 160, "GSM-7", 1),
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        ("x" * 152 + "€" + "x" * 152, "GSM-7", 3),  # the escape does not end a segment
        ("[~]" * 50, "GSM-7", 2),
        ("я" * 70, "UCS-2", 1),
        ("я" * 71, "UCS-2", 2),
        ("я" * 134, "UCS-2", 2),
        ("я" * 135, "UCS-2", 3),
        ("😀" * 35, "UCS-2", 1),
        ("😀" * 36, "UCS-2", 2),
        ("😀" * 66, "UCS-2", 2),  # 33 of two units each fit a segment of 67
        ("😀" * 67, "UCS-2", 3),
        ("x" * 69 + "ş", "UCS-2", 1),
        ("x" * 70 + "`", "UCS-2", 2),
        ("ç" * 70, "UCS-2", 1),
    ],
    ids=lambda value: value[:3] + str(len(value)) if isinstance(value, str) else str(value),
)
def test_segments_are_those_of_the_network(text: str, encoding: str, segments: int) -> None:
    division = segmentation(text)
    assert (division.encoding, division.segments) == (encoding, segments)


@pytest.mark.parametrize(
    ("text", "segments"),
    [("x" * 1530, 10), ("ж" * 670, 10), ("Grüße", 1), ("日" * 100, 2), ("{" * 500, 7), (FLAG * 50, 4)],
    ids=["gsm", "cyrillic", "short", "kanji", "extended", "flags"],
)
def test_a_response_counts_the_segments(
    client: FlaskClient, as_user: AsUser, post: Post, text: str, segments: int
) -> None:
    person = as_user(phone="+15005550006")
    headers = as_user(Role.ADMIN).headers
    message = post(person, channel="SMS", content=text)
    shown = client.get(f"/api/v1/notifications/{message}", headers=headers).get_json()["data"]
    assert (shown["segments"], shown["truncated"]) == (segments, False)
    bulk = {"channel": "SMS", "content": text, "userIds": [str(person.user.id)]}
    answer = client.post("/api/v1/notifications/bulk", json=bulk, headers=headers)
    assert answer.get_json()["data"]["segments"] == segments


def test_other_channels_have_no_segments(client: FlaskClient, as_user: AsUser, post: Post) -> None:
    person = as_user()
    for channel in ("EMAIL", "PUSH", "IN_APP"):
        shown = client.get(
            f"/api/v1/notifications/{post(person, channel=channel)}", headers=as_user(Role.ADMIN).headers
        )
        assert shown.get_json()["data"]["segments"] is None


@pytest.mark.parametrize(
    "text",
    ["x" * 1531, "я" * 671, "😀" * 331, "x" * 1400 + "ő", "€" * 766, FAMILY * 70],
    ids=["gsm", "cyrillic", "emoji", "one-letter", "euro", "family"],
)
def test_a_text_message_that_is_too_long_is_rejected(client: FlaskClient, as_user: AsUser, text: str) -> None:
    headers, user_id = as_user(Role.ADMIN).headers, str(as_user(phone="+15005550006").user.id)
    body = {"channel": "SMS", "userId": user_id, "content": text}
    answer = client.post("/api/v1/notifications", json=body, headers=headers)
    assert (answer.status_code, [e["pointer"] for e in answer.get_json()["errors"]]) == (422, ["/content"])
    assert "segments" in answer.get_json()["errors"][0]["detail"]

    template = {"name": "long", "channel": "SMS", "body": "{{ text }}"}
    created = client.post("/api/v1/notifications/templates", json=template, headers=headers).get_json()["data"]
    rendered = {"channel": "SMS", "userId": user_id, "template": "long", "variables": {"text": text}}
    preview = f"/api/v1/notifications/templates/{created['id']}/preview"
    for url, request in (("/api/v1/notifications", rendered), (preview, {"variables": {"text": text}})):
        answer = client.post(url, json=request, headers=headers)
        assert (answer.status_code, [e["pointer"] for e in answer.get_json()["errors"]]) == (422, ["/variables"])


@pytest.mark.parametrize(
    ("text", "html"),
    [("😀" * 200_000, None), ("ж" * 400_000, None), ("x\n" * 500_000, "<p>'" + "é" * 300_000), ("x", "&" * 2_100_000)],
    ids=["emoji", "cyrillic", "both", "html"],
)
def test_an_email_that_is_too_long_is_rejected(text: str, html: str | None) -> None:
    with pytest.raises(TextTooLong, match="bytes after encoding"):
        check_length(Channel.EMAIL, text, html)
    check_length(Channel.IN_APP, text)


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_short_email_is_never_too_long(text: str, html: str) -> None:
    size = text_limits.encoded_bytes(text * 100, html * 100)
    assert size * text_limits._ALWAYS_FITS < text_limits.MAX_EMAIL_BYTES * max(len(text + html) * 100, 2500)


_SIZES: tuple[Callable[[str], int], ...] = (len, json_bytes, lambda text: len(text.encode()))


_PIECES = st.sampled_from(["a", "ж", "日", " ", '"', "\n", "\u0301", "\u200d", FAMILY, FLAG, HANGUL])


@given(st.lists(_PIECES).map("".join), st.integers(4, 60))
@pytest.mark.parametrize("size", _SIZES, ids=["characters", "json", "utf-8"])
def test_a_text_is_cut_between_graphemes(size: Callable[[str], int], text: str, limit: int) -> None:
    short = shorten(text, limit, size)
    assert size(short) <= limit
    if short == text:
        return
    assert short.endswith(ELLIPSIS) and text.startswith(short.removesuffix(ELLIPSIS))
    ends = {match.end() for match in regex.finditer(r"\X", text)}
    first = next(regex.finditer(r"\X", text))[0]
    if size(first) + size(ELLIPSIS) <= limit:
        kept = len(short.removesuffix(ELLIPSIS))
        assert kept in ends or text[kept : kept + 1].isspace() or kept == 0


@pytest.mark.parametrize(
    "piece", [FAMILY, FLAG, ACCENTED, HANGUL, "ж", "\\", "\n!", "\x01", "नि", "x" + "\u0301" * 5000]
)
def test_a_push_message_fits_and_keeps_whole_characters(piece: str) -> None:
    text = push_text(piece * 1000, piece * 3000)
    assert text.truncated
    assert json_bytes(text.title) + json_bytes(text.body) <= MAX_TEXT
    assert len(json.dumps([text.title, text.body], ensure_ascii=False).encode()) < 4000
    if len(piece) < 50:
        assert text.body.removesuffix(ELLIPSIS).rstrip("\n") in (piece * 3000)
        assert len(text.body.removesuffix(ELLIPSIS)) % len(piece) in (0, len(piece.rstrip()))


@pytest.mark.parametrize(
    "text", ["ж" * 1000, "日本語" * 300, "Grüße " * 100, "😀" * 500], ids=["ru", "ja", "de", "emoji"]
)
def test_a_push_message_that_fits_is_not_changed(text: str) -> None:
    assert push_text("Hi", text).truncated is False


def test_a_long_push_message_says_that_it_is_truncated(client: FlaskClient, as_user: AsUser, post: Post) -> None:
    admin, person = as_user(Role.ADMIN).headers, as_user()
    for content, truncated in (("ж" * 1000, False), ("ж" * 2000, True), ("x" * 3700, True)):
        message = post(person, channel="PUSH", content=content)
        shown = client.get(f"/api/v1/notifications/{message}", headers=admin).get_json()["data"]
        assert (shown["truncated"], shown["content"]) == (truncated, content)
    template = {"name": "news", "channel": "PUSH", "subject": "{{ a }}", "body": "{{ b }}"}
    created = client.post("/api/v1/notifications/templates", json=template, headers=admin).get_json()["data"]
    url = f"/api/v1/notifications/templates/{created['id']}/preview"
    preview = client.post(url, json={"variables": {"a": "Hi", "b": "日" * 3000}}, headers=admin).get_json()["data"]
    assert (preview["truncated"], preview["subject"], preview["body"][-1]) == (True, "Hi", ELLIPSIS)
    preview = client.post(url, json={"variables": {"a": "Hi", "b": "日"}}, headers=admin).get_json()["data"]
    assert (preview["truncated"], preview["body"]) == (False, "日")
