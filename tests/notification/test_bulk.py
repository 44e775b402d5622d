"""One message to many: who gets it, in which language, and that nobody urgent waits for it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.identity.models import Role
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.notification.models import Notification
from heidi_services.notification.service import scheduled_tasks
from tests.conftest import SignedIn
from tests.notification.conftest import Post, delivered
from tests.notification.mailserver import MailServer

AsUser = Callable[..., SignedIn]
URL = "/api/v1/notifications"


@pytest.fixture
def bulk(client: FlaskClient, as_client: Callable[..., dict[str, str]]) -> Callable[..., Any]:
    headers = as_client("notifications:write")

    def send(**body: object) -> Any:
        given = {"channel": "EMAIL", "content": "Hello all"} | body
        return client.post(f"{URL}/bulk", json=given, headers=headers)

    return send


def _rows() -> list[Notification]:
    return list(db.session.scalars(db.select(Notification)))


def test_everybody_named_gets_a_row_and_the_batch_one_fact(bulk: Callable[..., Any], as_user: AsUser) -> None:
    people = [as_user().user.id for _ in range(3)]
    answer = bulk(userIds=[str(one) for one in [*people, people[0]]])
    assert answer.status_code == 202
    told = answer.get_json()["data"]
    assert (told["accepted"], told["skipped"]) == (3, []), "repeats do not count"
    rows = _rows()
    assert {row.user_id for row in rows} == set(people)
    assert all(row.id.version == 7 and row.batch_id for row in rows)
    facts = list(db.session.scalars(db.select(OutboxEvent)))
    assert [fact.type for fact in facts] == ["notification.batch"]


def test_ids_of_nobody_are_named_as_skipped_and_hold_up_nobody_else(bulk: Callable[..., Any], as_user: AsUser) -> None:
    person, gone, stranger = as_user().user.id, as_user(deleted_at=utcnow()).user.id, uuid4()
    told = bulk(userIds=[str(one) for one in (stranger, person, gone, stranger)]).get_json()["data"]
    assert (told["accepted"], told["skipped"]) == (1, [str(stranger), str(gone)])
    assert [row.user_id for row in _rows()] == [person]


def test_a_filter_chooses_people(bulk: Callable[..., Any], as_user: AsUser) -> None:
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
def test_a_wrong_audience_is_named(bulk: Callable[..., Any], body: dict[str, Any], pointer: str) -> None:
    answer = bulk(**body)
    assert (answer.status_code, [e["pointer"] for e in answer.get_json()["errors"]]) == (422, [pointer])


def test_each_reads_it_in_their_own_language(bulk: Callable[..., Any], as_user: AsUser) -> None:
    locales = {as_user(locale=locale).user.id: locale for locale in ("de-AT", "de", "en", None)}
    bulk(filter={}, content=None, template="welcome")
    found = {locales[row.user_id]: row.locale for row in _rows()}
    assert found == {"de-AT": "de", "de": "de", "en": "en", None: "en"}


def test_the_batch_tells_where_its_messages_are(
    bulk: Callable[..., Any], client: FlaskClient, as_user: AsUser, mail: MailServer
) -> None:
    people, admin = [as_user() for _ in range(3)], as_user(Role.ADMIN)
    batch = bulk(userIds=[str(one.user.id) for one in people]).get_json()["data"]["batchId"]
    delivered(scheduled_tasks.release_bulk(1)[0])
    shown = client.get(f"{URL}/batches/{batch}", headers=admin.headers).get_json()["data"]
    assert (shown["accepted"], shown["counts"]) == (3, {"PENDING": 2, "SENT": 1})
    assert client.get(f"{URL}/batches/{batch}", headers=as_user(Role.MODERATOR).headers).status_code == 404
    assert client.get(f"{URL}/batches/{uuid4()}", headers=admin.headers).status_code == 404


def test_bulk_is_given_out_at_a_pace_and_never_before_the_urgent(
    bulk: Callable[..., Any], post: Post, as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduled_tasks, "BULK_IN_FLIGHT", 2)
    people = [as_user() for _ in range(5)]
    bulk(userIds=[str(one.user.id) for one in people])
    urgent = post(people[0])
    given = scheduled_tasks.release_bulk(500)
    assert len(given) == 2 and urgent not in given
    assert scheduled_tasks.release_bulk(500) == [], "two are under way"
    assert scheduled_tasks.overdue(500) == [], "bulk is not overdue while it waits for its turn"
    for notification_id in given:
        _close(notification_id)
    assert len(scheduled_tasks.release_bulk(500)) == 2


def _close(notification_id: UUID) -> None:
    db.session.execute(db.update(Notification).where(Notification.id == notification_id).values(status="SENT"))
    db.session.commit()


def test_retrying_all_failed_ones_goes_at_the_pace_of_bulk(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person, admin = as_user(email="ann@example.org"), as_user(Role.ADMIN)
    mail.handler.data_answers["ann@example.org"] = "554 No"
    failed = delivered(post(person)).id
    answer = client.post(f"{URL}/retry-failed", json={"channel": "EMAIL"}, headers=admin.headers)
    assert (answer.status_code, answer.get_json()["data"]) == (202, {"retried": 1})
    assert client.post(f"{URL}/retry-failed", headers=admin.headers).get_json()["data"] == {"retried": 0}
    mail.handler.data_answers.clear()
    assert scheduled_tasks.release_bulk(10) == [failed]
    assert delivered(failed).status == "SENT"
