"""Files as attachments of e-mails: which are attached, who may attach them, and that every byte arrives."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from sqlalchemy import func, select, update
from werkzeug import Request, Response

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.http_client.client import HttpClient
from heidi_common.identity.models import Role
from heidi_common.problems import Unavailable
from heidi_services.files.models import StoredObject
from heidi_services.files.names import clean_name
from heidi_services.notification.channels.message import Attachment, DeliveryOutcome, Message
from heidi_services.notification.channels.mime import build_email
from heidi_services.notification.channels.sendgrid import SendGridSender
from heidi_services.notification.models import AttachedContent, Notification
from heidi_services.notification.service import enqueue
from heidi_services.notification.service.attachments import contents, selection
from heidi_services.notification.service.delivery import delivery
from heidi_services.notification.service.delivery.claim import claim
from heidi_services.notification.service.delivery.delivery_decision import decide
from tests.conftest import SignedIn, make_settings
from tests.notification.conftest import delivered, mail  # noqa: F401  # a fixture
from tests.notification.mailserver import MailServer

AsUser = Callable[..., SignedIn]
URL = "/api/v1/notifications"
PDF = b"%PDF-1.4\n" + bytes(range(256)) * 40


def upload(client: FlaskClient, user: SignedIn, content: bytes = PDF, name: str = "Bericht.pdf", **query: str) -> str:
    response = client.post("/api/v1/files", data=content, query_string={"name": name, **query}, headers=user.headers)
    assert response.status_code == 201, response.json
    return str(response.json["data"]["id"])


def send(client: FlaskClient, sender: SignedIn, *file_ids: str, **body: Any) -> Any:
    payload = {"userId": str(sender.user.id), "channel": "EMAIL", "content": "Hello", "attachments": list(file_ids)}
    if "template" in body:
        del payload["content"]
    return client.post(URL, json=payload | body, headers=sender.headers)


def attached(mail: EmailMessage) -> list[tuple[str | None, str, bytes]]:  # noqa: F811
    return [
        (part.get_filename(), part.get_content_type(), cast(bytes, part.get_payload(decode=True)))
        for part in mail.iter_attachments()
    ]


def test_files_arrive_unchanged(client: FlaskClient, as_user: AsUser, mail: MailServer) -> None:  # noqa: F811
    admin = as_user(Role.ADMIN)
    text = b"Zeile\r\n.\r\n..\nEnde ohne Zeilenende"
    first, second = upload(client, admin), upload(client, admin, text, "Übersicht & Größe.txt")
    empty = upload(client, admin, b"", "leer")
    response = send(client, admin, first, second, empty, subject="Zahlen")
    assert response.status_code == 202, response.json
    shown = response.json["data"]["attachments"]
    assert [(item["fileId"], item["name"], item["isLink"]) for item in shown] == [
        (first, "Bericht.pdf", False),
        (second, "Übersicht & Größe.txt", False),
        (empty, "leer", False),
    ]
    assert delivered(UUID(response.json["data"]["id"])).status == "SENT"
    received = mail.mails[-1]
    assert received.get_content_type() == "multipart/mixed" and not received.defects
    body = received.get_body(("plain",))
    assert body is not None and body.get_content().split() == ["Hello"]
    assert attached(received) == [
        ("Bericht.pdf", "application/pdf", PDF),
        ("Übersicht & Größe.txt", "text/plain", text),
        ("leer", "application/octet-stream", b""),
    ]


def test_a_deleted_file_is_still_sent_and_each_attempt_sends_the_same_bytes(
    client: FlaskClient,
    as_user: AsUser,
    mail: MailServer,  # noqa: F811
) -> None:
    admin = as_user(Role.ADMIN, email="later@example.org")
    file_id = upload(client, admin)
    sent = send(client, admin, file_id).json["data"]
    assert client.delete(f"/api/v1/files/{file_id}", headers=admin.headers).status_code == 204
    mail.handler.data_answers["later@example.org"] = "451 Try again later"
    assert delivered(UUID(sent["id"])).status == "PENDING"
    contents.delete_unused()
    mail.handler.data_answers.clear()
    with transaction():
        db.session.execute(update(Notification).values(next_attempt_at=func.now()))
    assert delivered(UUID(sent["id"])).status == "SENT"
    first, second = mail.mails[-2:]
    assert attached(first) == attached(second) == [("Bericht.pdf", "application/pdf", PDF)]
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_content_type() == second.get_content_type() and first.get_boundary() == second.get_boundary()


def test_what_does_not_fit_becomes_a_link(
    client: FlaskClient,
    as_user: AsUser,
    mail: MailServer,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selection, "MAX_ATTACHED_BYTES", 20_000)
    admin = as_user(Role.ADMIN)
    large = b"%PDF-1.4\n" + b"x" * 30_000
    file_ids = [upload(client, admin), upload(client, admin, large, "groß.pdf"), upload(client, admin, b"abc", "c.txt")]
    response = send(client, admin, *file_ids)
    assert [item["isLink"] for item in response.json["data"]["attachments"]] == [False, True, False]
    assert response.json["data"]["attachments"][1]["expiresAt"] is not None
    delivered(UUID(response.json["data"]["id"]))
    received = mail.mails[-1]
    assert [name for name, _, _ in attached(received)] == ["Bericht.pdf", "c.txt"]
    plain, rich = received.get_body(("plain",)), received.get_body(("html",))
    assert plain is not None and rich is not None
    url = next(line for line in plain.get_content().splitlines() if line.startswith("http"))
    assert f'href="{url}"' in rich.get_content() and "groß.pdf" in plain.get_content()
    downloaded = client.get(url.removeprefix("http://heidi.test"))
    assert downloaded.data == large
    downloaded.close()


def test_a_large_public_file_is_linked_without_a_new_link(
    client: FlaskClient,
    as_user: AsUser,
    mail: MailServer,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selection, "MAX_ATTACHED_BYTES", 10)
    owner, moderator = as_user(), as_user(Role.MODERATOR)
    file_id = upload(client, owner, visibility="PUBLIC")
    response = send(client, moderator, file_id)
    assert response.status_code == 202, response.json
    delivered(UUID(response.json["data"]["id"]))
    body = mail.mails[-1].get_body(("plain",))
    assert body is not None and f"/api/v1/files/{file_id}/content" in body.get_content()


def test_templates_and_batches_have_attachments(
    client: FlaskClient,
    as_user: AsUser,
    mail: MailServer,  # noqa: F811
) -> None:
    admin, others = as_user(Role.ADMIN), [as_user(), as_user()]
    template = {"name": "with-file", "channel": "EMAIL", "subject": "S", "body": "Hi {{ name }}", "html": "<b>Hi</b>"}
    client.post(f"{URL}/templates", json=template, headers=admin.headers)
    file_id = upload(client, admin)
    body = {
        "userIds": [str(other.user.id) for other in others],
        "channel": "EMAIL",
        "template": "with-file",
        "variables": {"name": "Ada"},
        "attachments": [file_id],
    }
    response = client.post(f"{URL}/bulk", json=body, headers=admin.headers)
    assert response.status_code == 202 and response.json["data"]["accepted"] == 2, response.json
    for notification_id in db.session.scalars(select(Notification.id).where(Notification.batch_id.is_not(None))).all():
        assert delivered(notification_id).status == "SENT"
    assert [attached(received) for received in mail.mails[-2:]] == [[("Bericht.pdf", "application/pdf", PDF)]] * 2
    assert db.session.scalar(select(func.count()).select_from(AttachedContent)) == 1


@pytest.mark.parametrize("role", [Role.MODERATOR])
def test_the_sender_must_be_able_to_read_the_file(client: FlaskClient, as_user: AsUser, role: Role) -> None:
    owner, sender = as_user(), as_user(role)
    private = upload(client, owner)
    for file_id in (private, str(uuid4())):
        response = send(client, sender, upload(client, sender), file_id)
        assert response.status_code == 422
        assert response.json["errors"] == [{"pointer": "/attachments/1", "detail": "File not found."}]


def test_a_machine_client_needs_the_scope_of_files(
    client: FlaskClient, as_user: AsUser, as_client: Callable[..., dict[str, str]]
) -> None:
    owner = as_user()
    body = {"userId": str(owner.user.id), "channel": "EMAIL", "content": "Hi", "attachments": [upload(client, owner)]}
    without = client.post(URL, json=body, headers=as_client("notifications:write"))
    assert without.status_code == 403 and "/attachments/0" in without.json["detail"]
    scopes = ("notifications:write", "files:read")
    assert client.post(URL, json=body, headers=as_client(*scopes)).status_code == 202


@pytest.mark.parametrize(("scan", "status", "code"), [("PENDING", 409, "scanning"), ("INFECTED", 422, "quarantined")])
def test_a_file_that_is_not_ready_is_not_attached(
    client: FlaskClient, as_user: AsUser, scan: str, status: int, code: str
) -> None:
    admin = as_user(Role.ADMIN)
    file_id = upload(client, admin)
    with transaction():
        db.session.execute(update(StoredObject).values(scan_status=scan))
    response = send(client, admin, file_id)
    assert (response.status_code, response.json["code"]) == (status, code)
    assert db.session.scalar(select(func.count()).select_from(Notification)) == 0


@pytest.mark.parametrize(
    "body",
    [
        {"channel": "SMS"},
        {"channel": "PUSH"},
        {"channel": "IN_APP"},
        {"attachments": ["no-id"]},
        {"attachments": "x"},
        {"attachments": [str(UUID(int=index)) for index in range(21)]},
        {"attachments": [str(UUID(int=1))] * 2},
    ],
    ids=["sms", "push", "in-app", "no id", "no list", "too many", "twice"],
)
def test_invalid_attachments_are_rejected(client: FlaskClient, as_user: AsUser, body: dict[str, Any]) -> None:
    response = send(client, as_user(Role.ADMIN), str(UUID(int=1)), **body)
    assert response.status_code == 422
    assert all(error["pointer"].startswith("/attachments") for error in response.json["errors"])


def test_contents_are_deleted_when_no_message_needs_them(
    client: FlaskClient,
    as_user: AsUser,
    mail: MailServer,  # noqa: F811
) -> None:
    admin = as_user(Role.ADMIN, email="never@example.org")
    pending = send(client, admin, upload(client, admin), scheduledFor=(utcnow() + timedelta(days=1)).isoformat())
    failed = send(client, admin, upload(client, admin, b"abc", "a.txt"))
    sent = send(client, as_user(Role.ADMIN), upload(client, as_user(Role.ADMIN), b"d", "d.txt", visibility="PUBLIC"))
    mail.handler.rcpt_answers["never@example.org"] = "554 No"
    assert delivered(UUID(failed.json["data"]["id"])).status == "FAILED"
    assert delivered(UUID(sent.json["data"]["id"])).status == "SENT"
    with transaction():
        db.session.execute(update(AttachedContent).values(used_at=utcnow() - timedelta(hours=2)))
    assert contents.delete_unused() is False
    left = {hashlib.sha256(PDF).hexdigest(), hashlib.sha256(b"abc").hexdigest()}
    assert set(db.session.scalars(select(AttachedContent.sha256))) == left
    assert pending.status_code == 202


def test_a_worker_that_is_killed_after_sending_sends_the_same_bytes_again(
    client: FlaskClient,
    as_user: AsUser,
    mail: MailServer,  # noqa: F811
) -> None:
    """The worker ends between the server's response and the record of the result: nothing of it is stored."""
    admin = as_user(Role.ADMIN)
    file_id = upload(client, admin)
    notification_id = UUID(send(client, admin, file_id).json["data"]["id"])
    client.delete(f"/api/v1/files/{file_id}", headers=admin.headers)
    job = claim(notification_id)
    assert job is not None
    [call] = delivery.send(job, decide(job))
    assert call.result.sent
    db.session.rollback()
    with transaction():
        db.session.execute(update(Notification).values(locked_until=None))
    assert delivered(notification_id).status == "SENT"
    first, second = mail.mails[-2:]
    assert attached(first) == attached(second) == [("Bericht.pdf", "application/pdf", PDF)]
    assert first["Message-ID"] == second["Message-ID"]


def test_a_request_that_fails_stores_no_content(
    client: FlaskClient, as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = as_user(Role.ADMIN)
    file_id = upload(client, admin)

    def fail(*_: Any, **__: Any) -> None:
        raise Unavailable("The process ends here.")

    monkeypatch.setattr(enqueue, "insert_notification", fail)
    assert send(client, admin, file_id).status_code == 503
    assert db.session.scalar(select(func.count()).select_from(AttachedContent)) == 0


def test_a_message_without_its_content_fails_clearly(client: FlaskClient, as_user: AsUser) -> None:
    admin = as_user(Role.ADMIN)
    sent = send(client, admin, upload(client, admin))
    with transaction():
        db.session.execute(AttachedContent.__table__.delete())  # type: ignore[attr-defined]
    row = delivered(UUID(sent.json["data"]["id"]))
    assert (row.status, row.failure_reason) == ("FAILED", "attachment_missing")


def test_sendgrid_receives_the_documented_attachments(httpserver: HTTPServer) -> None:
    received: list[dict[str, Any]] = []

    def accept(request: Request) -> Response:
        received.append(json.loads(request.data))
        return Response(status=202)

    httpserver.expect_request("/v3/mail/send", method="POST").respond_with_handler(accept)
    url = httpserver.url_for("").rstrip("/")
    settings = make_settings("", "", sendgrid_url=url, sendgrid_api_key="SG.key", mail_from="no-reply@example.com")
    sender = SendGridSender(settings, HttpClient(settings.outbound_allow_nets))
    message = Message(
        id=uuid4(), recipient="a@example.org", text="Hi", attachments=[Attachment("ä.pdf", "application/pdf", PDF)]
    )
    assert sender.send(message).outcome is DeliveryOutcome.SENT
    content = base64.b64encode(PDF).decode()
    assert received[0]["attachments"] == [
        {"content": content, "type": "application/pdf", "filename": "ä.pdf", "disposition": "attachment"}
    ]
    assert sender.send(Message(id=uuid4(), recipient="a@example.org", text="Hi")).sent
    assert "attachments" not in received[1]


@given(name=st.text(max_size=300), content=st.binary(max_size=400), text=st.text(max_size=50))
def test_a_strict_parser_reads_what_was_sent(name: str, content: bytes, text: str) -> None:
    file_name = clean_name(name)
    message = Message(
        id=uuid4(),
        recipient="ann@example.org",
        text=text.encode("utf-8", "ignore").decode(),
        attachments=[Attachment(file_name, "application/pdf", content), Attachment("b.eml", "message/rfc822", content)],
    )
    raw = build_email(message, sender="Heidi <no-reply@example.com>", now=utcnow()).as_bytes()
    assert b"\n" not in raw.replace(b"\r\n", b"") and max(map(len, raw.split(b"\r\n"))) <= 998
    mail = cast(EmailMessage, message_from_bytes(raw, policy=policy.strict))  # noqa: F811
    assert attached(mail) == [(file_name, "application/pdf", content), ("b.eml", "application/octet-stream", content)]
