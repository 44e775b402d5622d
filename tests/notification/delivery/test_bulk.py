"""Bulk messages: recipients, languages, and priority of urgent messages."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from dramatiq import Message
from flask.testing import FlaskClient

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.identity.models import Role
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import Notification
from heidi_services.notification.service import scheduled_tasks
from heidi_services.notification.service.delivery import manual_retry
from tests.conftest import SignedIn
from tests.notification.conftest import Post, delivered
from tests.notification.mailserver import MailServer
from workers.periodic_tasks import PERIODIC_TASKS

AsUser = Callable[..., SignedIn]
URL = "/api/v1/notifications"


@pytest.fixture
def bulk(client: FlaskClient, as_client: Callable[..., dict[str, str]]) -> Callable[..., Any]:
    headers = as_client("notifications:write")

    def send(**body: object) -> Any:
        payload = {"channel": "EMAIL", "content": "Hello all"} | body
        return client.post(f"{URL}/bulk", json=payload, headers=headers)

    return send


def _rows() -> list[Notification]:
    return list(db.session.scalars(db.select(Notification)))


def test_each_listed_user_gets_a_row_and_the_batch_one_event(bulk: Callable[..., Any], as_user: AsUser) -> None:
    people = [as_user().user.id for _ in range(3)]
    answer = bulk(userIds=[str(user_id) for user_id in [*people, people[0]]])
    assert answer.status_code == 202
    result = answer.get_json()["data"]
    assert (result["accepted"], result["skipped"]) == (3, []), "repeats do not count"
    rows = _rows()
    assert {row.user_id for row in rows} == set(people)
    assert all(row.id.version == 7 and row.batch_id for row in rows)
    events = list(db.session.scalars(db.select(OutboxEvent)))
    assert [event.type for event in events] == ["notification.batch"]


def test_unknown_ids_are_reported_as_skipped_and_do_not_affect_the_others(
    bulk: Callable[..., Any], as_user: AsUser
) -> None:
    person, deleted, unknown = as_user().user.id, as_user(deleted_at=utcnow()).user.id, uuid4()
    result = bulk(userIds=[str(user_id) for user_id in (unknown, person, deleted, unknown)]).get_json()["data"]
    assert (result["accepted"], result["skipped"]) == (1, [str(unknown), str(deleted)])
    assert [row.user_id for row in _rows()] == [person]


def test_a_filter_selects_users(bulk: Callable[..., Any], as_user: AsUser) -> None:
    admin = as_user(Role.ADMIN).user.id
    as_user(), as_user(Role.ADMIN, is_active=False)
    assert bulk(filter={"role": "ADMIN", "isActive": True}).get_json()["data"]["accepted"] == 1
    assert bulk(filter={"role": "MODERATOR"}).get_json()["data"]["skipped"] == []
    assert [row.user_id for row in _rows()] == [admin]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/userIds"),
        ({"userIds": []}, "/userIds"),
        ({"userIds": ["x"]}, "/userIds/0"),
        ({"filter": {"age": 7}}, "/filter/age"),
        ({"userIds": [str(uuid4())], "filter": {}}, "/userIds"),
        ({"filter": {}, "content": None}, "/content"),
    ],
)
def test_an_invalid_audience_is_rejected_with_the_field(
    bulk: Callable[..., Any], body: dict[str, Any], pointer: str
) -> None:
    answer = bulk(**body)
    assert (answer.status_code, [e["pointer"] for e in answer.get_json()["errors"]]) == (422, [pointer])


def test_each_user_gets_the_template_in_their_own_language(bulk: Callable[..., Any], as_user: AsUser) -> None:
    locales = {as_user(locale=locale).user.id: locale for locale in ("de-AT", "de", "en", None)}
    bulk(filter={}, content=None, template="welcome")
    languages = {locales[row.user_id]: row.locale for row in _rows()}
    assert languages == {"de-AT": "de", "de": "de", "en": "en", None: "en"}


def test_the_batch_counts_its_messages_by_status(
    bulk: Callable[..., Any], client: FlaskClient, as_user: AsUser, mail: MailServer
) -> None:
    people, admin = [as_user() for _ in range(3)], as_user(Role.ADMIN)
    batch = bulk(userIds=[str(person.user.id) for person in people]).get_json()["data"]["batchId"]
    delivered(scheduled_tasks.release_bulk(Channel.EMAIL, 1)[0])
    shown = client.get(f"{URL}/batches/{batch}", headers=admin.headers).get_json()["data"]
    assert (shown["accepted"], shown["counts"]) == (3, {"PENDING": 2, "SENT": 1})
    assert client.get(f"{URL}/batches/{batch}", headers=as_user(Role.MODERATOR).headers).status_code == 404
    assert client.get(f"{URL}/batches/{uuid4()}", headers=admin.headers).status_code == 404


def test_bulk_messages_are_released_gradually_and_do_not_delay_urgent_ones(
    bulk: Callable[..., Any], post: Post, as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduled_tasks, "BULK_IN_FLIGHT", 2)
    people = [as_user() for _ in range(5)]
    bulk(userIds=[str(person.user.id) for person in people])
    urgent = post(people[0])
    released = release(500)
    assert len(released) == 2 and urgent not in released
    assert release(500) == [], "two are in flight"
    assert scheduled_tasks.overdue(500) == [], "bulk is not overdue while it waits for its release"
    for notification_id in released:
        _close(notification_id)
    assert len(release(500)) == 2


def test_channels_are_released_independently(
    bulk: Callable[..., Any], as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduled_tasks, "BULK_IN_FLIGHT", 2)
    monkeypatch.setattr(scheduled_tasks, "IN_APP_BULK_IN_FLIGHT", 3)
    people = [str(as_user().user.id) for _ in range(5)]
    for channel in ("EMAIL", "PUSH", "IN_APP"):
        bulk(userIds=people, channel=channel)
    channels = {row.id: row.channel for row in _rows()}
    assert [channels[id_] for id_ in release(500)] == ["EMAIL"] * 2 + ["PUSH"] * 2 + ["IN_APP"] * 3
    assert release(500) == [], "those are in flight"


def test_no_more_are_released_than_the_clock_asks_for(bulk: Callable[..., Any], as_user: AsUser) -> None:
    bulk(userIds=[str(as_user().user.id) for _ in range(3)], channel="PUSH")
    assert [len(scheduled_tasks.release_bulk(Channel.PUSH, 2)) for _ in range(3)] == [2, 1, 0]


def test_late_bulk_messages_stay_in_the_bulk_queue_and_do_not_mix_channels(
    bulk: Callable[..., Any], as_user: AsUser
) -> None:
    people = [str(as_user().user.id) for _ in range(3)]
    for channel in ("EMAIL", "IN_APP"):
        bulk(userIds=people, channel=channel)
    assert len(release(500)) == 6
    past = utcnow() - timedelta(seconds=1)
    _set_all(hinted_until=past)  # the wake-up messages were lost
    assert _messages("notifications") == []
    email, in_app = _messages("bulk EMAIL"), _messages("bulk IN_APP")
    assert {message.queue_name for message in email + in_app} == {"bulk"}
    channels = {str(row.id): row.channel for row in _rows()}
    assert [channels[id_] for message in email for id_ in message.args] == ["EMAIL"] * 3
    assert [channels[id_] for message in in_app for id_ in message.args] == ["IN_APP"] * 3
    _set_all(hinted_until=past, locked_until=utcnow() + timedelta(minutes=1))
    assert release(500) == [], "workers hold leases on them"


def test_a_bulk_message_that_is_due_for_another_attempt_stays_in_the_bulk_queue(
    bulk: Callable[..., Any], as_user: AsUser
) -> None:
    bulk(userIds=[str(as_user().user.id)], channel="EMAIL")
    _set_all(attempts=1, next_attempt_at=utcnow(), hinted_until=utcnow())
    assert _messages("notifications") == []
    assert len(_messages("bulk EMAIL")) == 1


def release(limit: int) -> list[UUID]:
    return [id_ for channel in Channel for id_ in scheduled_tasks.release_bulk(channel, limit)]


def _messages(task: str) -> list[Message[Any]]:
    (poll,) = (item.poll for item in PERIODIC_TASKS if item.name == task)
    return list(poll())


def _set_all(**values: Any) -> None:
    db.session.execute(db.update(Notification).values(**values))
    db.session.commit()


def _close(notification_id: UUID) -> None:
    db.session.execute(db.update(Notification).where(Notification.id == notification_id).values(status="SENT"))
    db.session.commit()


def test_failed_messages_are_retried_at_the_rate_of_bulk_messages(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person, admin = as_user(email="ann@example.org"), as_user(Role.ADMIN)
    mail.handler.data_answers["ann@example.org"] = "554 No"
    failed = delivered(post(person)).id
    answer = client.post(f"{URL}/retry-failed", json={"channel": "EMAIL"}, headers=admin.headers)
    assert (answer.status_code, answer.get_json()["data"]) == (202, {"retried": 1})
    assert client.post(f"{URL}/retry-failed", headers=admin.headers).get_json()["data"] == {"retried": 0}
    mail.handler.data_answers.clear()
    assert scheduled_tasks.release_bulk(Channel.EMAIL, 10) == [failed]
    assert delivered(failed).status == "SENT"


def test_a_retry_of_more_messages_than_its_limit_says_so(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(manual_retry.retry_failed.__kwdefaults__, "limit", 2)
    person, admin = as_user(email="ann@example.org"), as_user(Role.ADMIN)
    mail.handler.data_answers["ann@example.org"] = "554 No"
    for _ in range(3):
        delivered(post(person))
    answers = [client.post(f"{URL}/retry-failed", headers=admin.headers).get_json() for _ in range(3)]
    assert [(answer["data"]["retried"], answer["meta"]["hasMore"]) for answer in answers] == [
        (2, True),
        (1, False),
        (0, False),
    ]
