"""The HTTP API of notifications: permissions, validation, reading, hiding and cancelling."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.notification.models import Notification
from heidi_services.notification.service import scheduled_tasks
from heidi_services.notification.service.delivery import delivery_results
from heidi_services.notification.service.delivery.claim import claim
from tests.conftest import SignedIn
from tests.notification.conftest import Post, delivered, row
from tests.notification.mailserver import MailServer

AsUser = Callable[..., SignedIn]
URL = "/api/v1/notifications"


def _pointers(answer: Any) -> list[str]:
    return [error["pointer"] for error in answer.get_json()["errors"]]


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 202), (Role.MODERATOR, 202), (Role.USER, 403)])
def test_only_privileged_roles_may_send(client: FlaskClient, as_user: AsUser, role: Role, status: int) -> None:
    sender, person, admin = as_user(role), as_user(), as_user(Role.ADMIN)
    body = {"userId": str(person.user.id), "channel": "IN_APP", "content": "Hello", "metadata": {"order": 7}}
    answer = client.post(URL, json=body, headers=sender.headers)
    assert answer.status_code == status
    if status == 202:
        data = answer.get_json()["data"]
        assert data["status"] == "PENDING" and data["type"] == "INFO" and data["metadata"] == {"order": 7}
        assert data["createdAt"].endswith("Z") and data["attempts"] == 0 and data["sentAt"] is None
        assert client.get(f"{URL}/{data['id']}", headers=admin.headers).get_json()["data"] == data


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"channel": "FAX"}, "/channel"),
        ({"type": "LOUD"}, "/type"),
        ({"content": None}, "/content"),
        ({"content": ""}, "/content"),
        ({"content": "a\x00b"}, "/content"),
        ({"template": "welcome"}, "/template"),
        ({"content": None, "template": "nothing"}, "/template"),
        ({"variables": {"a": 1}}, "/variables"),
        ({"content": None, "template": "password-reset"}, "/variables/link"),
        ({"userId": "7"}, "/userId"),
        ({"userId": str(uuid4())}, "/userId"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "/expiresAt"),
        ({"scheduledFor": "tomorrow"}, "/scheduledFor"),
        ({"scheduledFor": "2030-01-01T00:00:00"}, "/scheduledFor"),
        ({"category": "Über"}, "/category"),
        ({"surprise": 1}, "/surprise"),
        ({"channel": "SMS", "content": "x" * 1601}, "/content"),
        ({"metadata": {"x": "y" * 20_000}}, "/metadata"),
    ],
)
def test_an_invalid_field_is_reported(
    client: FlaskClient, as_user: AsUser, as_client: Callable[..., dict[str, str]], change: dict[str, Any], pointer: str
) -> None:
    body = {"userId": str(as_user().user.id), "channel": "EMAIL", "content": "Hello"} | change
    answer = client.post(URL, json=body, headers=as_client("notifications:write"))
    assert answer.status_code == 422
    assert _pointers(answer) == [pointer]
    assert db.session.scalar(db.select(db.func.count()).select_from(Notification)) == 0


def test_a_repeated_post_with_the_same_key_sends_once(
    client: FlaskClient, as_user: AsUser, as_client: Callable[..., dict[str, str]]
) -> None:
    headers = as_client("notifications:write") | {"Idempotency-Key": "order-7"}
    body = {"userId": str(as_user().user.id), "channel": "EMAIL", "content": "Hello"}
    first, second = (client.post(URL, json=body, headers=headers) for _ in range(2))
    assert second.headers["Idempotent-Replayed"] == "true"
    assert first.get_json() == second.get_json()
    assert db.session.scalar(db.select(db.func.count()).select_from(Notification)) == 1


def test_a_template_is_rendered_in_the_recipients_language(post: Post, as_user: AsUser) -> None:
    link = {"variables": {"link": "https://example.org/r"}, "content": None, "template": "password-reset"}
    german, english = row(post(as_user(locale="de-AT"), **link)), row(post(as_user(locale="fr"), **link))
    assert (german.subject, german.locale) == ("Setzen Sie Ihr Passwort zurück", "de")
    assert (english.subject, english.category) == ("Reset your password", "security")
    assert "https://example.org/r" in (german.content or "")


def test_notifications_of_other_users_do_not_exist(client: FlaskClient, post: Post, as_user: AsUser) -> None:
    owner, other, admin = as_user(), as_user(), as_user(Role.ADMIN)
    notification_id = post(owner, channel="IN_APP")
    for path in (f"{URL}/{notification_id}", f"{URL}/{notification_id}/attempts"):
        assert client.get(path, headers=other.headers).status_code == 404
        assert client.get(path, headers=admin.headers).status_code == 200
    for path in ("read", "unread"):
        assert client.post(f"{URL}/{notification_id}/{path}", headers=other.headers).status_code == 404
    assert client.delete(f"{URL}/{notification_id}", headers=other.headers).status_code == 404
    assert client.get(f"{URL}?userId={owner.user.id}", headers=other.headers).status_code == 403
    listed = client.get(f"{URL}?userId={owner.user.id}", headers=admin.headers).get_json()["data"]
    assert [item["id"] for item in listed] == [str(notification_id)]
    assert client.get(URL, headers=other.headers).get_json()["data"] == []


def test_a_list_is_filtered_and_paged_newest_first(client: FlaskClient, post: Post, as_user: AsUser) -> None:
    person = as_user()
    ids = [str(delivered(post(person, channel="IN_APP", content=str(n))).id) for n in range(3)]
    post(person, channel="SMS", type="ALERT")
    first = client.get(f"{URL}?channel=IN_APP&limit=2&total=true", headers=person.headers)
    assert [item["id"] for item in first.get_json()["data"]] == [ids[2], ids[1]]
    assert first.get_json()["meta"]["total"] == 3
    cursor = first.get_json()["meta"]["nextCursor"]
    second = client.get(f"{URL}?channel=IN_APP&limit=2&cursor={cursor}", headers=person.headers).get_json()
    assert [item["id"] for item in second["data"]] == [ids[0]]
    assert len(client.get(f"{URL}?type=ALERT&status=PENDING", headers=person.headers).get_json()["data"]) == 1
    assert client.get(f"{URL}?colour=red", headers=person.headers).status_code == 422


def test_a_notification_has_an_etag_that_changes_with_it(client: FlaskClient, post: Post, as_user: AsUser) -> None:
    person = as_user()
    url = f"{URL}/{delivered(post(person, channel='IN_APP')).id}"
    tag = client.get(url, headers=person.headers).headers["ETag"]
    assert client.get(url, headers=person.headers | {"If-None-Match": tag}).status_code == 304
    assert client.post(f"{url}/read", headers=person.headers).status_code == 204
    assert client.get(url, headers=person.headers | {"If-None-Match": tag}).status_code == 200
    assert client.delete(url, headers=person.headers | {"If-Match": tag}).status_code == 412


def _unread(client: FlaskClient, person: SignedIn) -> int:
    count = client.get(f"{URL}/unread-count", headers=person.headers).get_json()["data"]["count"]
    listed = client.get(f"{URL}?unread=true", headers=person.headers).get_json()["data"]
    assert len(listed) == count, "the list and the count are the same set"
    return int(count)


def test_marking_as_read_and_unread_changes_the_count(client: FlaskClient, post: Post, as_user: AsUser) -> None:
    person = as_user()
    pending = post(person, channel="IN_APP")
    assert _unread(client, person) == 0, "a pending message is not unread"
    assert client.post(f"{URL}/{pending}/read", headers=person.headers).status_code == 409
    url = f"{URL}/{delivered(pending).id}"
    assert _unread(client, person) == 1
    assert client.post(f"{url}/read", headers=person.headers).status_code == 204
    read_at = row(pending).read_at
    assert client.post(f"{url}/read", headers=person.headers).status_code == 204
    assert (row(pending).status, row(pending).read_at, _unread(client, person)) == ("READ", read_at, 0)
    assert client.post(f"{url}/unread", headers=person.headers).status_code == 204
    assert (row(pending).status, row(pending).read_at, _unread(client, person)) == ("SENT", None, 1)


def test_an_in_app_message_is_not_visible_to_its_owner_before_its_delivery(
    client: FlaskClient, post: Post, as_user: AsUser
) -> None:
    person, admin = as_user(), as_user(Role.ADMIN)
    later = (utcnow() + timedelta(days=1)).isoformat()
    party, mail = post(person, channel="IN_APP", scheduledFor=later), post(person, scheduledFor=later)
    listed = client.get(f"{URL}?total=true", headers=person.headers).get_json()
    assert ([item["id"] for item in listed["data"]], listed["meta"]["total"]) == ([str(mail)], 1)
    for url in (f"{URL}/{party}", f"{URL}/{party}/attempts"):
        assert client.get(url, headers=person.headers).status_code == 404
        assert client.get(url, headers=admin.headers).status_code == 200
    assert _unread(client, person) == 0
    seen = client.get(f"{URL}?userId={person.user.id}", headers=admin.headers).get_json()["data"]
    assert {item["id"] for item in seen} == {str(party), str(mail)}
    with transaction():
        db.session.get_one(Notification, party).next_attempt_at = utcnow()
    delivered(party)
    assert client.get(f"{URL}/{party}", headers=person.headers).status_code == 200
    assert _unread(client, person) == 1


def test_marking_all_as_read_affects_only_the_callers_messages(
    client: FlaskClient, post: Post, as_user: AsUser
) -> None:
    person, other = as_user(), as_user()
    for reader in (person, person, other):
        delivered(post(reader, channel="IN_APP"))
    assert client.post(f"{URL}/read-all", headers=person.headers).status_code == 204
    assert (_unread(client, person), _unread(client, other)) == (0, 1)


def test_an_owner_can_hide_an_in_app_message_in_any_state(client: FlaskClient, post: Post, as_user: AsUser) -> None:
    person, admin = as_user(), as_user(Role.ADMIN)
    shown, waiting = delivered(post(person, channel="IN_APP")).id, post(person, channel="IN_APP")
    for notification_id in (shown, waiting):
        assert client.delete(f"{URL}/{notification_id}", headers=person.headers).status_code == 204
        assert client.get(f"{URL}/{notification_id}", headers=person.headers).status_code == 404
        assert client.get(f"{URL}/{notification_id}", headers=admin.headers).status_code == 200
    assert _unread(client, person) == 0


def test_a_message_that_is_hidden_before_its_delivery_is_cancelled(
    client: FlaskClient, post: Post, as_user: AsUser
) -> None:
    person = as_user()
    waiting = post(person, channel="IN_APP", scheduledFor=(utcnow() + timedelta(days=1)).isoformat())
    assert client.delete(f"{URL}/{waiting}", headers=person.headers).status_code == 204
    with transaction():
        db.session.execute(db.update(Notification).values(next_attempt_at=utcnow(), hinted_until=utcnow()))
    assert scheduled_tasks.overdue(10) == []
    assert (delivered(waiting).status, row(waiting).stream_id) == ("CANCELLED", None)
    sent = db.select(OutboxEvent).where(OutboxEvent.type == "notification.sent")
    assert list(db.session.scalars(sent)) == []


def test_a_message_that_is_hidden_during_its_delivery_stays_hidden(
    client: FlaskClient, post: Post, as_user: AsUser
) -> None:
    person = as_user()
    job = claim(post(person, channel="IN_APP"))
    assert job is not None
    assert client.delete(f"{URL}/{job.id}", headers=person.headers).status_code == 204
    delivery_results.mark_shown([job])
    assert (row(job.id).status, _unread(client, person)) == ("SENT", 0)


def test_attempts_are_paged_oldest_first(client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer) -> None:
    person = as_user(email="ann@example.org")
    mail.handler.data_answers["ann@example.org"] = "451 Later"
    notification_id = post(person)
    for _ in range(3):
        with transaction():
            db.session.execute(db.update(Notification).values(next_attempt_at=utcnow()))
        delivered(notification_id)
    url = f"{URL}/{notification_id}/attempts?limit=2"
    first = client.get(url, headers=person.headers).get_json()
    second = client.get(f"{url}&cursor={first['meta']['nextCursor']}", headers=person.headers).get_json()
    assert [attempt["number"] for attempt in first["data"] + second["data"]] == [1, 2, 3]
    assert second["meta"]["hasMore"] is False


def test_a_sender_can_cancel_a_pending_notification(client: FlaskClient, as_user: AsUser, mail: MailServer) -> None:
    sender, other, person = as_user(Role.MODERATOR), as_user(Role.MODERATOR), as_user()
    body = {"userId": str(person.user.id), "channel": "EMAIL", "content": "Hello"}
    url = f"{URL}/{client.post(URL, json=body, headers=sender.headers).get_json()['data']['id']}"
    assert client.delete(url, headers=other.headers).status_code == 404
    assert client.delete(url, headers=person.headers).status_code == 403
    assert client.delete(url, headers=sender.headers).status_code == 204
    assert client.delete(url, headers=sender.headers).status_code == 409
    cancelled = db.session.scalars(db.select(Notification)).one()
    assert delivered(cancelled.id).status == "CANCELLED"
    assert mail.mails == []


def test_a_sent_notification_cannot_be_cancelled(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    sent = delivered(post(as_user()))
    answer = client.delete(f"{URL}/{sent.id}", headers=as_user(Role.ADMIN).headers)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "not_pending")


def test_an_administrator_can_retry_a_failed_notification(
    client: FlaskClient, post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person, admin = as_user(email="ann@example.org"), as_user(Role.ADMIN)
    mail.handler.data_answers["ann@example.org"] = "554 No"
    failed = delivered(post(person))
    assert client.post(f"{URL}/{failed.id}/retry", headers=person.headers).status_code == 403
    mail.handler.data_answers.clear()
    answer = client.post(f"{URL}/{failed.id}/retry", headers=admin.headers)
    assert (answer.status_code, answer.get_json()["data"]["status"]) == (202, "PENDING")
    assert client.post(f"{URL}/{failed.id}/retry", headers=admin.headers).status_code == 409
    assert client.post(f"{URL}/{uuid4()}/retry", headers=admin.headers).status_code == 404
    assert delivered(failed.id).status == "SENT"


def test_a_machine_client_must_specify_the_user(
    client: FlaskClient, as_client: Callable[..., dict[str, str]], as_user: AsUser
) -> None:
    reader = as_client("notifications:read")
    assert client.get(f"{URL}/unread-count", headers=reader).status_code == 422
    answer = client.get(f"{URL}/unread-count?userId={as_user().user.id}", headers=reader)
    assert answer.get_json()["data"] == {"count": 0}
    assert client.get(URL, headers=as_client("schedules:write")).status_code == 403


def test_times_are_written_in_utc(client: FlaskClient, post: Post, as_user: AsUser) -> None:
    person = as_user()
    later = (utcnow() + timedelta(days=1)).replace(microsecond=0)
    url = f"{URL}/{post(person, scheduledFor=later.isoformat())}"
    assert client.get(url, headers=person.headers).get_json()["data"]["scheduledFor"] == later.strftime(
        "%Y-%m-%dT%H:%M:%S.000Z"
    )
