"""Muted categories, quiet hours and unsubscribe links."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from heidi_common.database.models import utcnow
from heidi_common.schemas.fields import iso
from heidi_services.notification.service import scheduled_tasks
from heidi_services.notification.service.delivery.delivery_policy import quiet_until
from tests.conftest import SignedIn
from tests.notification.conftest import Post, delivered, row
from tests.notification.mailserver import MailServer

AsUser = Callable[..., SignedIn]
URL = "/api/v1/notifications/preferences"


def _put(client: FlaskClient, person: SignedIn, *items: dict[str, Any], quiet: dict[str, str] | None = None) -> Any:
    return client.put(URL, json={"preferences": list(items), "quietHours": quiet}, headers=person.headers)


def _preference(category: str, channel: str, enabled: bool = False) -> dict[str, Any]:
    return {"category": category, "channel": channel, "enabled": enabled}


def test_preferences_are_read_as_they_were_written(client: FlaskClient, as_user: AsUser) -> None:
    person, quiet = as_user(), {"start": "22:00", "end": "07:00", "timezone": "Europe/Vienna"}
    assert client.get(URL, headers=person.headers).get_json()["data"] == {"preferences": [], "quietHours": None}
    answer = _put(client, person, _preference("marketing", "EMAIL"), quiet=quiet)
    assert answer.status_code == 200
    expected = {"preferences": [_preference("marketing", "EMAIL")], "quietHours": quiet}
    assert answer.get_json()["data"] == expected
    assert client.get(URL, headers=person.headers).get_json()["data"] == expected
    assert _put(client, person, _preference("marketing", "EMAIL", enabled=True)).get_json()["data"]["preferences"] == []


def test_concurrent_first_writes_of_preferences_succeed(app: Flask, as_user: AsUser) -> None:
    person, start = as_user(), Barrier(6)

    def put(_: int) -> int:
        with app.app_context(), app.test_client() as client:
            start.wait()
            return int(_put(client, person, _preference("news", "EMAIL")).status_code)

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(put, range(6))) == {200}


@pytest.mark.parametrize("category", ["security", "critical"])
def test_security_and_critical_categories_cannot_be_muted(client: FlaskClient, as_user: AsUser, category: str) -> None:
    person = as_user()
    answer = _put(client, person, _preference(category, "SMS", enabled=True), _preference(category, "EMAIL"))
    pointers = [error["pointer"] for error in answer.get_json()["errors"]]
    assert (answer.status_code, pointers) == (422, ["/preferences/1/category"])


@pytest.mark.parametrize("enabled", [True, False])
def test_a_duplicate_preference_is_rejected_with_its_index(client: FlaskClient, as_user: AsUser, enabled: bool) -> None:
    person = as_user()
    items = _preference("news", "EMAIL"), _preference("news", "SMS"), _preference("news", "EMAIL", enabled=enabled)
    answer = _put(client, person, *items)
    pointers = [error["pointer"] for error in answer.get_json()["errors"]]
    assert (answer.status_code, pointers) == (422, ["/preferences/2"])
    assert client.get(URL, headers=person.headers).get_json()["data"]["preferences"] == []


def test_invalid_quiet_hours_are_reported(client: FlaskClient, as_user: AsUser) -> None:
    answer = _put(client, as_user(), quiet={"start": "25:00", "end": "07:00", "timezone": "Mars/Olympus"})
    pointers = {error["pointer"] for error in answer.get_json()["errors"]}
    assert (answer.status_code, pointers) == (422, {"/quietHours/start", "/quietHours/timezone"})


def test_only_the_muted_category_is_cancelled(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person = as_user()
    _put(client, person, _preference("marketing", "EMAIL"))
    muted = delivered(post(person, category="marketing"))
    assert (muted.status, muted.failure_reason) == ("CANCELLED", "muted")
    assert delivered(post(person, category="news")).status == "SENT"
    assert delivered(post(person, category="marketing", channel="IN_APP")).status == "SENT"


def test_quiet_hours_postpone_a_message_without_counting_an_attempt(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person, now = as_user(), utcnow()
    start, end = (now - timedelta(hours=1)).strftime("%H:%M"), (now + timedelta(hours=1)).strftime("%H:%M")
    _put(client, person, quiet={"start": start, "end": end, "timezone": "UTC"})
    waiting = delivered(post(person))
    assert (waiting.status, waiting.attempts, mail.mails) == ("PENDING", 0, [])
    assert timedelta(minutes=58) < waiting.next_attempt_at - now < timedelta(minutes=61)
    assert delivered(post(person, category="security")).status == "SENT"
    assert delivered(post(person, channel="IN_APP")).status == "SENT"


def _postponed(client: FlaskClient, post: Post, person: SignedIn) -> Any:
    """A message that is postponed by its recipient's quiet hours."""
    now = utcnow()
    hours = {"start": (now - timedelta(hours=1)).strftime("%H:%M"), "end": (now + timedelta(hours=1)).strftime("%H:%M")}
    _put(client, person, quiet=hours | {"timezone": "UTC"})
    return delivered(post(person))


def test_a_postponed_message_shows_when_it_is_due(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person = as_user()
    postponed = _postponed(client, post, person)
    url = f"/api/v1/notifications/{postponed.id}"
    shown = client.get(url, headers=person.headers).get_json()["data"]
    assert (shown["status"], shown["nextAttemptAt"]) == ("PENDING", iso(postponed.next_attempt_at))
    _put(client, person)
    assert delivered(postponed.id).status == "SENT"
    assert client.get(url, headers=person.headers).get_json()["data"]["nextAttemptAt"] is None


def test_new_quiet_hours_release_only_what_the_previous_ones_postponed(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person, other = as_user(), as_user()
    postponed, others = _postponed(client, post, person), _postponed(client, post, other)
    party = row(post(person, scheduledFor=postponed.next_attempt_at.isoformat()))
    now = utcnow()
    longer = (now + timedelta(hours=3)).strftime("%H:%M")
    _put(client, person, quiet={"start": now.strftime("%H:%M"), "end": longer, "timezone": "UTC"})
    assert scheduled_tasks.overdue(10) == [postponed.id], "the clock sends a wake-up message"
    assert (delivered(postponed.id).status, row(postponed.id).next_attempt_at.strftime("%H:%M")) == ("PENDING", longer)
    assert row(others.id).next_attempt_at == others.next_attempt_at
    assert row(party.id).next_attempt_at == party.next_attempt_at
    _put(client, person)
    assert (delivered(postponed.id).status, delivered(party.id).status) == ("SENT", "PENDING")


def test_quiet_hours_do_not_postpone_an_alert(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person = as_user()
    assert _postponed(client, post, person).status == "PENDING"
    assert delivered(post(person, type="ALERT")).status == "SENT"
    _put(client, person, _preference("general", "EMAIL"))
    assert delivered(post(person, type="ALERT")).failure_reason == "muted", "muting also applies to alerts"


def test_quiet_hours_without_a_time_zone_use_that_of_the_profile(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person, now = as_user(timezone="Asia/Tokyo"), utcnow() + timedelta(hours=9)
    start, end = (now - timedelta(hours=1)).strftime("%H:%M"), (now + timedelta(hours=1)).strftime("%H:%M")
    shown = _put(client, person, quiet={"start": start, "end": end}).get_json()["data"]
    assert shown["quietHours"] == {"start": start, "end": end, "timezone": None}
    assert delivered(post(person)).status == "PENDING"


def test_a_message_that_expires_during_the_quiet_hours_fails_immediately(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person, now = as_user(), utcnow()
    start, end = (now - timedelta(hours=1)).strftime("%H:%M"), (now + timedelta(hours=1)).strftime("%H:%M")
    _put(client, person, quiet={"start": start, "end": end, "timezone": "UTC"})
    soon = (now + timedelta(minutes=10)).isoformat()
    assert delivered(post(person, expiresAt=soon)).failure_reason == "expired"


@pytest.mark.parametrize(
    ("now", "start", "end", "zone", "until"),
    [
        ("2026-01-10T12:00", 22, 7, "UTC", None),
        ("2026-01-10T23:00", 22, 7, "UTC", "2026-01-11T07:00"),
        ("2026-01-10T03:00", 22, 7, "UTC", "2026-01-10T07:00"),
        ("2026-01-10T07:00", 22, 7, "UTC", None),
        ("2026-01-10T13:00", 12, 14, "UTC", "2026-01-10T14:00"),
        ("2026-01-10T21:30", 22, 7, "Europe/Vienna", "2026-01-11T06:00"),
        ("2026-03-28T23:00", 22, 7, "Europe/Vienna", "2026-03-29T05:00"),
        ("2026-10-24T22:00", 22, 7, "Europe/Vienna", "2026-10-25T06:00"),
        ("2026-01-10T12:00", 12, 12, "UTC", None),
        ("2026-01-10T23:00", 22, 7, "Europe/Atlantis", "2026-01-11T07:00"),
    ],
)
def test_quiet_hours_are_local_times_across_midnight_and_clock_changes(
    now: str, start: int, end: int, zone: str, until: str | None
) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    end_of_quiet_hours = quiet_until(at, time(start), time(end), zone)
    assert end_of_quiet_hours == (datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None)


# Unsubscribe links


def _link(mail: MailServer) -> str:
    header = str(mail.mails[-1]["List-Unsubscribe"])
    assert header.startswith("<http://heidi.test/api/v1/notifications/unsubscribe/")
    return header.strip("<>").removeprefix("http://heidi.test")


def test_a_post_to_the_link_unsubscribes_and_a_get_does_not(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person = as_user()
    delivered(post(person, category="news"))
    link = _link(mail)
    assert client.get(link).get_json()["data"] == {"category": "news", "channel": "EMAIL", "subscribed": True}
    assert client.get(link, headers={"Accept": "text/html"}).get_data(as_text=True).count("<form") == 1
    assert delivered(post(person, category="news")).status == "SENT", "a GET changes nothing"
    for _ in range(2):
        answer = client.post(link, data={"List-Unsubscribe": "One-Click"})
        assert answer.get_json()["data"]["subscribed"] is False
    assert delivered(post(person, category="news")).failure_reason == "muted"
    assert client.get(URL, headers=person.headers).get_json()["data"]["preferences"] == [_preference("news", "EMAIL")]


def test_the_link_shows_a_page_in_the_browsers_language_with_one_button(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    delivered(post(as_user(), category="news"))
    link, german = _link(mail), {"Accept": "text/html,*/*;q=0.8", "Accept-Language": "de"}
    before = client.get(link, headers=german)
    assert '<html lang="de">' in before.text and "<b>news</b>" in before.text and "<b>E-Mail</b>" in before.text
    assert before.text.count("<form") == 1 and "Abbestellen</button>" in before.text
    assert "default-src 'none'" in before.headers["Content-Security-Policy"]
    assert {"Accept", "Accept-Language"} <= set(before.headers["Vary"].split(", "))
    after = client.post(link, headers=german)
    assert "nicht mehr" in after.text and "<form" not in after.text
    assert "You no longer receive" in client.get(link, headers=german | {"Accept-Language": "en"}).text


def test_a_security_email_has_no_unsubscribe_link(post: Post, as_user: AsUser, mail: MailServer) -> None:
    delivered(post(as_user(), category="security"))
    assert mail.mails[0]["List-Unsubscribe"] is None


def test_a_forged_link_does_not_exist(client: FlaskClient) -> None:
    for method in (client.get, client.post):
        assert method("/api/v1/notifications/unsubscribe/WyJ4Il0.forged").status_code == 404


_BERLIN, _NEW_YORK, _HAVANA, _LORD_HOWE = "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe"


@pytest.mark.parametrize(
    ("zone", "start", "end", "now", "until"),
    [
        # Spring: 02:00 becomes 03:00. An end that is skipped is the change.
        (_BERLIN, "22:00", "02:30", "2026-03-29T00:30", "2026-03-29T01:00"),
        (_BERLIN, "22:00", "02:00", "2026-03-29T00:30", "2026-03-29T01:00"),
        (_BERLIN, "22:00", "03:00", "2026-03-29T00:30", "2026-03-29T01:00"),
        (_BERLIN, "22:00", "07:00", "2026-03-29T00:30", "2026-03-29T05:00"),
        (_BERLIN, "02:30", "07:00", "2026-03-29T00:59", None),
        (_BERLIN, "02:30", "07:00", "2026-03-29T01:00", "2026-03-29T05:00"),
        (_BERLIN, "02:15", "02:45", "2026-03-29T01:00", None),
        (_NEW_YORK, "23:00", "02:15", "2026-03-08T06:59", "2026-03-08T07:00"),
        (_HAVANA, "22:00", "00:30", "2026-03-08T04:00", "2026-03-08T05:00"),
        (_LORD_HOWE, "22:00", "02:10", "2026-10-03T15:00", "2026-10-03T15:30"),
        # Autumn: 03:00 becomes 02:00. A local time that occurs twice is inside both times.
        (_BERLIN, "22:00", "02:30", "2026-10-25T00:10", "2026-10-25T00:30"),
        (_BERLIN, "22:00", "02:30", "2026-10-25T00:30", None),
        (_BERLIN, "22:00", "02:30", "2026-10-25T01:10", "2026-10-25T01:30"),
        (_BERLIN, "22:00", "02:30", "2026-10-25T01:30", None),
        (_BERLIN, "22:00", "07:00", "2026-10-25T00:10", "2026-10-25T06:00"),
        (_BERLIN, "02:30", "07:00", "2026-10-25T00:29", None),
        (_BERLIN, "02:30", "07:00", "2026-10-25T00:40", "2026-10-25T06:00"),
        (_BERLIN, "02:15", "02:45", "2026-10-25T01:20", "2026-10-25T01:45"),
        (_NEW_YORK, "23:00", "01:15", "2026-11-01T06:05", "2026-11-01T06:15"),
        (_HAVANA, "22:00", "00:30", "2024-11-03T05:10", "2024-11-03T05:30"),
        (_LORD_HOWE, "22:00", "01:45", "2026-04-04T15:05", "2026-04-04T15:15"),
    ],
)
def test_quiet_hours_end_on_time_when_clocks_change(
    zone: str, start: str, end: str, now: str, until: str | None
) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    expected = None if until is None else datetime.fromisoformat(until).replace(tzinfo=UTC)
    assert quiet_until(moment, time.fromisoformat(start), time.fromisoformat(end), zone) == expected


_CHANGES = ("2026-03-28T20:00", "2026-10-24T20:00", "2026-03-07T20:00", "2026-10-31T20:00", "2026-04-04T08:00")


@given(
    st.sampled_from(_CHANGES),
    st.integers(0, 24 * 60),
    st.sampled_from([_BERLIN, _NEW_YORK, _HAVANA, _LORD_HOWE, "America/Santiago", "Africa/Cairo", "UTC"]),
    st.times(),
    st.times(),
)
def test_quiet_hours_end_later_and_outside(day: str, minutes: int, zone: str, start: time, end: time) -> None:
    start, end = start.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0)
    now = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(minutes=minutes)
    until = quiet_until(now, start, end, zone)
    if until is not None:
        assert now < until <= now + timedelta(hours=26)
        assert quiet_until(until, start, end, zone) is None
        assert quiet_until(until - timedelta(seconds=1), start, end, zone) == until
