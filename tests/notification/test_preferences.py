"""What a person does not want to hear of, and when not."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from heidi_common.database.models import utcnow
from heidi_common.schemas.fields import iso
from heidi_services.notification.service import scheduled_tasks
from heidi_services.notification.service.delivery_policy import quiet_until
from tests.conftest import SignedIn
from tests.notification.conftest import Post, delivered, row
from tests.notification.mailserver import MailServer

AsUser = Callable[..., SignedIn]
URL = "/api/v1/notifications/preferences"


def _put(client: FlaskClient, person: SignedIn, *wishes: dict[str, Any], quiet: dict[str, str] | None = None) -> Any:
    return client.put(URL, json={"preferences": list(wishes), "quietHours": quiet}, headers=person.headers)


def _wish(category: str, channel: str, enabled: bool = False) -> dict[str, Any]:
    return {"category": category, "channel": channel, "enabled": enabled}


def test_what_is_written_is_read_again(client: FlaskClient, as_user: AsUser) -> None:
    person, quiet = as_user(), {"start": "22:00", "end": "07:00", "timezone": "Europe/Vienna"}
    assert client.get(URL, headers=person.headers).get_json()["data"] == {"preferences": [], "quietHours": None}
    answer = _put(client, person, _wish("marketing", "EMAIL"), quiet=quiet)
    assert answer.status_code == 200
    wanted = {"preferences": [_wish("marketing", "EMAIL")], "quietHours": quiet}
    assert answer.get_json()["data"] == wanted
    assert client.get(URL, headers=person.headers).get_json()["data"] == wanted
    assert _put(client, person, _wish("marketing", "EMAIL", enabled=True)).get_json()["data"]["preferences"] == []


def test_a_first_wish_that_is_said_several_times_at_once_is_kept(app: Flask, as_user: AsUser) -> None:
    person, start = as_user(), Barrier(6)

    def put(_: int) -> int:
        with app.app_context(), app.test_client() as client:
            start.wait()
            return int(_put(client, person, _wish("news", "EMAIL")).status_code)

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(put, range(6))) == {200}


@pytest.mark.parametrize("category", ["security", "critical"])
def test_what_matters_cannot_be_muted(client: FlaskClient, as_user: AsUser, category: str) -> None:
    person = as_user()
    answer = _put(client, person, _wish(category, "SMS", enabled=True), _wish(category, "EMAIL"))
    pointers = [error["pointer"] for error in answer.get_json()["errors"]]
    assert (answer.status_code, pointers) == (422, ["/preferences/1/category"])


@pytest.mark.parametrize("enabled", [True, False])
def test_what_is_said_twice_is_refused_by_its_place(client: FlaskClient, as_user: AsUser, enabled: bool) -> None:
    person = as_user()
    wishes = _wish("news", "EMAIL"), _wish("news", "SMS"), _wish("news", "EMAIL", enabled=enabled)
    answer = _put(client, person, *wishes)
    pointers = [error["pointer"] for error in answer.get_json()["errors"]]
    assert (answer.status_code, pointers) == (422, ["/preferences/2"])
    assert client.get(URL, headers=person.headers).get_json()["data"]["preferences"] == []


def test_wrong_hours_are_named(client: FlaskClient, as_user: AsUser) -> None:
    answer = _put(client, as_user(), quiet={"start": "25:00", "end": "07:00", "timezone": "Mars/Olympus"})
    pointers = {error["pointer"] for error in answer.get_json()["errors"]}
    assert (answer.status_code, pointers) == (422, {"/quietHours/start", "/quietHours/timezone"})


def test_a_muted_category_is_not_sent_but_others_are(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person = as_user()
    _put(client, person, _wish("marketing", "EMAIL"))
    muted = delivered(post(person, category="marketing"))
    assert (muted.status, muted.failure_reason) == ("CANCELLED", "muted")
    assert delivered(post(person, category="news")).status == "SENT"
    assert delivered(post(person, category="marketing", channel="IN_APP")).status == "SENT"


def test_quiet_hours_move_a_message_to_their_end_and_cost_no_attempt(
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


def _held(client: FlaskClient, post: Post, person: SignedIn) -> Any:
    """A message in the middle of its reader's quiet hours."""
    now = utcnow()
    hours = {"start": (now - timedelta(hours=1)).strftime("%H:%M"), "end": (now + timedelta(hours=1)).strftime("%H:%M")}
    _put(client, person, quiet=hours | {"timezone": "UTC"})
    return delivered(post(person))


def test_a_message_that_is_held_says_until_when(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person = as_user()
    held = _held(client, post, person)
    url = f"/api/v1/notifications/{held.id}"
    shown = client.get(url, headers=person.headers).get_json()["data"]
    assert (shown["status"], shown["nextAttemptAt"]) == ("PENDING", iso(held.next_attempt_at))
    _put(client, person)
    assert delivered(held.id).status == "SENT"
    assert client.get(url, headers=person.headers).get_json()["data"]["nextAttemptAt"] is None


def test_other_quiet_hours_release_what_the_old_ones_held_and_nothing_else(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person, other = as_user(), as_user()
    held, others = _held(client, post, person), _held(client, post, other)
    party = row(post(person, scheduledFor=held.next_attempt_at.isoformat()))
    now = utcnow()
    longer = (now + timedelta(hours=3)).strftime("%H:%M")
    _put(client, person, quiet={"start": now.strftime("%H:%M"), "end": longer, "timezone": "UTC"})
    assert scheduled_tasks.overdue(10) == [held.id], "the clock gives it out"
    assert (delivered(held.id).status, row(held.id).next_attempt_at.strftime("%H:%M")) == ("PENDING", longer)
    assert row(others.id).next_attempt_at == others.next_attempt_at
    assert row(party.id).next_attempt_at == party.next_attempt_at
    _put(client, person)
    assert (delivered(held.id).status, delivered(party.id).status) == ("SENT", "PENDING")


def test_an_alert_does_not_wait_for_the_end_of_quiet_hours(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person = as_user()
    assert _held(client, post, person).status == "PENDING"
    assert delivered(post(person, type="ALERT")).status == "SENT"
    _put(client, person, _wish("general", "EMAIL"))
    assert delivered(post(person, type="ALERT")).failure_reason == "muted", "its reader has the last word"


def test_quiet_hours_without_a_zone_are_in_that_of_the_profile(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person, now = as_user(timezone="Asia/Tokyo"), utcnow() + timedelta(hours=9)
    start, end = (now - timedelta(hours=1)).strftime("%H:%M"), (now + timedelta(hours=1)).strftime("%H:%M")
    shown = _put(client, person, quiet={"start": start, "end": end}).get_json()["data"]
    assert shown["quietHours"] == {"start": start, "end": end, "timezone": None}
    assert delivered(post(person)).status == "PENDING"


def test_what_would_be_stale_after_the_quiet_hours_fails_now(
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
def test_quiet_hours_are_the_readers_own_through_midnight_and_clock_changes(
    now: str, start: int, end: int, zone: str, until: str | None
) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    found = quiet_until(moment, time(start), time(end), zone)
    assert found == (datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None)


# The link in a mail


def _link(mail: MailServer) -> str:
    header = str(mail.mails[-1]["List-Unsubscribe"])
    assert header.startswith("<http://heidi.test/api/v1/notifications/unsubscribe/")
    return header.strip("<>").removeprefix("http://heidi.test")


def test_one_click_unsubscribes_and_looking_does_not(
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
    assert client.get(URL, headers=person.headers).get_json()["data"]["preferences"] == [_wish("news", "EMAIL")]


def test_the_link_is_a_page_in_the_readers_language_with_one_button(
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


def test_a_security_mail_has_no_such_link(post: Post, as_user: AsUser, mail: MailServer) -> None:
    delivered(post(as_user(), category="security"))
    assert mail.mails[0]["List-Unsubscribe"] is None


def test_a_link_that_is_not_ours_does_not_exist(client: FlaskClient) -> None:
    for method in (client.get, client.post):
        assert method("/api/v1/notifications/unsubscribe/WyJ4Il0.forged").status_code == 404
