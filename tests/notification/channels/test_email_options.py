"""HTML without a template, copies, replies, and senders of proven domains with DKIM signatures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import dkim
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from sqlalchemy import func, select
from werkzeug import Request, Response

from heidi_common.database.session import db
from heidi_common.identity.models import Role
from heidi_services.notification.channels.html_text import html_to_text
from heidi_services.notification.cli import notifications
from heidi_services.notification.enums import MANUAL
from heidi_services.notification.models import Notification, SenderDomain
from heidi_services.notification.service.recipients.suppressions import add_suppression, is_suppressed
from heidi_services.notification.service.senders import domains
from heidi_services.notification.service.senders.signing import forget_keys
from tests.conftest import SignedIn
from tests.notification.conftest import Send, attempts_of, delivered, mail, sendgrid  # noqa: F401
from tests.notification.dns_server import NameServer, name_server
from tests.notification.mailserver import Handler, MailServer, mail_server

AsUser = Callable[..., SignedIn]
URL = "/api/v1/notifications"


def send(client: FlaskClient, sender: SignedIn, **body: Any) -> Any:
    payload = {"userId": str(sender.user.id), "channel": "EMAIL", "subject": "Hi"}
    if not body.keys() & {"template", "html"}:
        payload["content"] = "Hello"
    return client.post(URL, json=payload | body, headers=sender.headers)


def sent_mail(client: FlaskClient, sender: SignedIn, server: MailServer, **body: Any) -> EmailMessage:
    response = send(client, sender, **body)
    assert response.status_code == 202, response.json
    row = delivered(UUID(response.json["data"]["id"]))
    assert row.status == "SENT", (row.failure_reason, [attempt.error for attempt in attempts_of(row.id)])
    return server.mails[-1]


@pytest.fixture
def dns(reconfigure: Callable[..., None], mail: MailServer) -> Iterator[NameServer]:  # noqa: F811
    with name_server() as server:
        reconfigure(dns_server=server.address, smtp_url=mail.url)
        forget_keys()
        yield server


def run(app: Flask, *arguments: str) -> Any:
    return app.test_cli_runner().invoke(notifications, ["senders", *arguments])


def publish(server: NameServer, domain: str) -> None:
    """Copy the records as an operator does."""
    for record in domains.dns_records(domains.get_domain(domain)):
        server.texts[record.name] = [record.text]
    db.session.rollback()


def is_signed(content: bytes, server: NameServer) -> bool:
    """Whether another server would accept the DKIM signature of an e-mail."""

    def look_up(name: bytes, timeout: float = 5) -> bytes:
        return server.texts[name.decode().rstrip(".")][0].encode()

    return bool(dkim.verify(content, dnsfunc=look_up))


def test_html_is_sent_as_it_is_with_a_text_part(
    client: FlaskClient,
    as_user: AsUser,
    mail: MailServer,  # noqa: F811
) -> None:
    html = "<h1>Grüße</h1><p>Mehr <a href='https://example.org/x'>hier</a>.</p><ul><li>a</li><li>b</li></ul>"
    received = sent_mail(client, as_user(Role.ADMIN), mail, html=html)
    rich, plain = received.get_body(("html",)), received.get_body(("plain",))
    assert rich is not None and plain is not None
    assert rich.get_content().strip() == html
    expected = "Grüße\n\nMehr hier (https://example.org/x).\n\n- a\n- b"
    assert plain.get_content().replace("\r\n", "\n").strip().replace("\n\n- b", "\n- b") == expected
    given = sent_mail(client, as_user(Role.ADMIN), mail, html=html, content="My own text").get_body(("plain",))
    assert given is not None and given.get_content().strip() == "My own text"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<head><title>t</title><style>p{}</style></head><p>a<br>b</p><script>x()</script>", "a\nb"),
        ("plain &amp; simple", "plain & simple"),
        ("<table><tr><td>1</td><td>2</td></tr></table>", "1 2"),
        ("<a href='https://example.org'>https://example.org</a>", "https://example.org"),
        ("<a href='javascript:x()'>y</a></p></div>", "y"),
        ("", ""),
    ],
    ids=["hidden", "references", "table", "same url", "malformed", "empty"],
)
def test_html_becomes_text(html: str, text: str) -> None:
    assert html_to_text(html) == text


def test_copies_and_replies(client: FlaskClient, as_user: AsUser, mail: MailServer) -> None:  # noqa: F811
    admin = as_user(Role.ADMIN)
    add_suppression("EMAIL", "gone@example.org", reason=MANUAL, actor=None)
    received = sent_mail(
        client,
        admin,
        mail,
        cc=["Jörg Müller <joerg@bücher.example>", "gone@example.org", admin.user.email],
        bcc=["hidden@example.org", "joerg@xn--bcher-kva.example"],
        replyTo='"Team, Support" <team@example.org>',
    )
    assert mail.handler.recipients == [admin.user.email, "joerg@xn--bcher-kva.example", "hidden@example.org"]
    assert [str(address) for address in received["Cc"].addresses] == ["Jörg Müller <joerg@xn--bcher-kva.example>"]
    assert received["Reply-To"].addresses[0].display_name == "Team, Support"
    assert received["Bcc"] is None and b"hidden@" not in received.as_bytes()
    assert received["List-Unsubscribe"] is None, "a copy must not unsubscribe the user"


def test_no_response_contains_the_hidden_copies(client: FlaskClient, as_user: AsUser) -> None:
    admin = as_user(Role.ADMIN)
    shown = send(client, admin, cc=["a@example.org"], bcc=["hidden@example.org"], replyTo="b@example.org").json["data"]
    assert (shown["cc"], shown["replyTo"], shown["from"]) == (["a@example.org"], "b@example.org", None)
    again = client.get(f"{URL}/{shown['id']}", headers=admin.headers)
    assert "hidden@" not in json.dumps([shown, again.json])


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "one by one"])
def test_a_rejected_copy_does_not_hold_the_message_back(
    client: FlaskClient,
    as_user: AsUser,
    reconfigure: Callable[..., None],
    pipelining: bool,
) -> None:
    with mail_server(Handler(*["250-PIPELINING"] * pipelining)) as server:
        reconfigure(smtp_url=server.url)
        server.handler.rcpt_answers["no@example.org"] = "550 5.1.1 Unknown"
        admin = as_user(Role.ADMIN)
        sent_mail(client, admin, server, cc=["no@example.org", "yes@example.org"])
        assert server.handler.recipients == [admin.user.email, "yes@example.org"]
        row = db.session.scalars(select(Notification)).one()
        assert "not accepted for no@example.org: 550 5.1.1 Unknown" in (attempts_of(row.id)[0].response or "")


def test_a_rejected_recipient_holds_the_copies_back(
    client: FlaskClient,
    as_user: AsUser,
    reconfigure: Callable[..., None],
) -> None:
    with mail_server(Handler("250-PIPELINING")) as server:
        reconfigure(smtp_url=server.url)
        admin = as_user(Role.ADMIN, email="no@example.org")
        server.handler.rcpt_answers["no@example.org"] = "550 5.1.1 Unknown"
        row = delivered(UUID(send(client, admin, cc=["yes@example.org"]).json["data"]["id"]))
        assert row.status == "FAILED" and server.mails == []


INVALID = {
    "line end": {"replyTo": "a@example.org\r\nBcc: b@example.org"},
    "line end in a name": {"cc": ["A\nB <a@example.org>"]},
    "line end in from": {"from": "Heidi\r\nX: y <no-reply@localhost>"},
    "two addresses": {"replyTo": "a@example.org, b@example.org"},
    "no address": {"cc": ["nobody"]},
    "space in the domain": {"bcc": ["a@b c.example"]},
    "too many": {"cc": [f"a{index}@example.org" for index in range(21)]},
    "text instead of a list": {"cc": "a@example.org"},
    "unverified domain": {"from": "ceo@bank.example"},
    "other address of the platform's domain": {"from": "ceo@localhost"},
    "copies of marketing": {"cc": ["a@example.org"], "category": "marketing"},
    "html and template": {"html": "<p>x</p>", "template": "welcome"},
    "html of an sms": {"channel": "SMS", "html": "<p>x</p>"},
    "copy of a push message": {"channel": "PUSH", "cc": ["a@example.org"]},
    "sender of an in-app message": {"channel": "IN_APP", "from": "no-reply@localhost"},
}


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID.keys())
def test_invalid_options_are_rejected(client: FlaskClient, as_user: AsUser, body: dict[str, Any]) -> None:
    response = send(client, as_user(Role.ADMIN), **body)
    assert response.status_code == 422, response.json
    fields = {name for name in body if name not in ("channel", "category", "template")}
    assert {error["pointer"].split("/")[1] for error in response.json["errors"]} <= fields
    assert db.session.scalar(select(func.count()).select_from(Notification)) == 0


def test_bulk_messages_have_no_copies(client: FlaskClient, as_user: AsUser) -> None:
    admin = as_user(Role.ADMIN)
    body = {"userIds": [str(admin.user.id)], "channel": "EMAIL", "content": "Hi", "bcc": ["a@example.org"]}
    response = client.post(f"{URL}/bulk", json=body, headers=admin.headers)
    assert response.status_code == 422 and response.json["errors"][0]["pointer"] == "/bcc"


def test_the_configured_sender_may_have_another_name(
    client: FlaskClient,
    as_user: AsUser,
    mail: MailServer,  # noqa: F811
    app: Flask,
) -> None:
    received = sent_mail(client, as_user(Role.ADMIN), mail, **{"from": "Heidi News <no-reply@localhost>"})
    assert str(received["From"]) == "Heidi News <no-reply@localhost>"


def test_a_domain_is_proven_used_and_removed(
    app: Flask,
    client: FlaskClient,
    as_user: AsUser,
    mail: MailServer,  # noqa: F811
    dns: NameServer,
) -> None:
    admin, sender = as_user(Role.ADMIN), {"from": "Bücher <info@bücher.example>"}
    added = run(app, "add", "Bücher.example", "--selector", "s1")
    assert added.exit_code == 0 and "s1._domainkey.xn--bcher-kva.example. 3600 IN TXT" in added.output
    assert run(app, "add", "bücher.example").exit_code == 1
    early = run(app, "verify", "bücher.example")
    assert early.exit_code == 1 and "s1._domainkey" in early.output
    assert send(client, admin, **sender).json["code"] == "sender_not_verified"
    publish(dns, "bücher.example")
    verified = run(app, "verify", "bücher.example")
    assert verified.exit_code == 0, verified.output
    assert "not verified" not in run(app, "list").output

    received = sent_mail(client, admin, mail, **sender, cc=["a@example.org"], html="<p>Größe</p>\n.\n")
    assert received["From"].addresses[0].addr_spec == "info@xn--bcher-kva.example"
    assert str(received["Message-ID"]).endswith("@xn--bcher-kva.example>")
    raw = mail.handler.contents[-1]
    assert is_signed(raw, dns)
    for changed in (raw.replace(b"Subject: Hi", b"Subject: Ho"), b"From: eve@example.org\r\n" + raw):
        assert not is_signed(changed, dns)

    waiting = send(client, admin, **sender).json["data"]["id"]
    assert run(app, "remove", "bücher.example").exit_code == 0
    forget_keys()
    assert delivered(UUID(waiting)).failure_reason == "sender_not_verified"
    assert run(app, "verify", "bücher.example").exit_code == 1


def test_a_foreign_record_does_not_prove_a_domain(app: Flask, dns: NameServer) -> None:
    assert run(app, "add", "example.org").exit_code == 0
    other = domains.add_domain("other.example", "heidi")
    dns.texts["heidi._domainkey.example.org"] = ["v=spf1 -all", domains.dns_records(other)[0].text, "v=DKIM1; p="]
    db.session.rollback()
    assert run(app, "verify", "example.org").exit_code == 1
    assert db.session.scalar(select(SenderDomain.verified_at).where(SenderDomain.domain == "example.org")) is None


@pytest.mark.parametrize(
    "domain", ["", "localhost", "a b.example", "[192.0.2.1]", "a.-b.example", "a..example", "ex@mple.org"]
)
def test_a_malformed_domain_is_rejected(app: Flask, domain: str) -> None:
    assert run(app, "add", domain).exit_code == 1


def test_keys_are_stored_encrypted_and_can_be_encrypted_again(app: Flask) -> None:
    assert run(app, "add", "example.org").exit_code == 0
    stored = db.session.scalars(select(SenderDomain.private_key)).one()
    assert stored.startswith("v1.") and "PRIVATE" not in stored
    assert "0 keys of sender domains re-encrypted" in run(app, "reencrypt").output


def test_sendgrid_gets_the_options(
    client: FlaskClient,
    as_user: AsUser,
    reconfigure: Callable[..., None],
    httpserver: HTTPServer,
    sendgrid: Send,  # noqa: F811
) -> None:
    bodies: list[dict[str, Any]] = []

    def accept(request: Request) -> Response:
        bodies.append(json.loads(request.data))
        return Response(status=202, headers={"X-Message-Id": "m1"})

    httpserver.expect_request("/v3/mail/send", method="POST").respond_with_handler(accept)
    url = httpserver.url_for("").rstrip("/")
    reconfigure(sendgrid_url=url, sendgrid_api_key="SG.key", email_providers=("sendgrid",))
    admin = as_user(Role.ADMIN)
    options = {"cc": ["A B <a@example.org>"], "bcc": ["c@example.org"], "replyTo": "r@example.org"}
    row = delivered(UUID(send(client, admin, **options).json["data"]["id"]))
    people = bodies[0]["personalizations"][0]
    assert people["cc"] == [{"email": "a@example.org", "name": "A B"}] and people["bcc"] == [{"email": "c@example.org"}]
    assert bodies[0]["reply_to"] == {"email": "r@example.org"}
    assert row.status == "SENT"
    bounce = {"event": "bounce", "notification_id": str(row.id), "type": "bounce", "reason": "550 5.1.1 Unknown"}
    assert sendgrid(bounce | {"email": "a@example.org"}) == 204
    db.session.refresh(row)
    assert row.status == "SENT", "the bounce of a copy says nothing about the user's own e-mail"
    assert is_suppressed("EMAIL", "a@example.org") and not is_suppressed("EMAIL", admin.user.email)
