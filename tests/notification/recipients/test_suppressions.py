"""Suppressions: added and removed by hand, expiring, with reasons; and what providers report about recipients."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from heidi_common.audit.trail import Audit
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.identity.models import Role, User
from heidi_common.schemas.fields import iso
from heidi_services.notification.channels.enhanced_status import (
    EnhancedStatus,
    status_of_field,
    status_of_reply,
    status_of_text,
)
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import Suppression
from heidi_services.notification.service.recipients import suppressions
from tests.conftest import SignedIn
from tests.notification.conftest import Post, Send, attempts_of, delivered
from tests.notification.mailserver import MailServer

AsUser = Callable[..., SignedIn]
URL = "/api/v1/notifications/suppressions"
PHONE = "+15005550006"


@pytest.mark.parametrize(
    ("code", "text", "status"),
    [
        (550, "5.1.1 <ann@example.org>: Recipient address rejected", (5, 1, 1)),
        (550, "5.1.10 RESOLVER.ADR.RecipientNotFound; not found", (5, 1, 10)),
        (550, "#5.1.0 Address rejected.", (5, 1, 0)),
        (452, "4.2.2 Over quota", (4, 2, 2)),
        (550, "5.1.1", (5, 1, 1)),
        (550, "5.1.1\n5.1.1 The account does not exist", (5, 1, 1)),
        (554, "Service unavailable; Client host [5.1.1.7] blocked", None),
        (550, "rejected by gateway 5.1.1 of example.org", None),
        (550, "5.1.1.9 is listed at bl.example.org", None),
        (550, "Message <5.1.1@mail.example.org> refused", None),
        (550, "5.1.12345 not a status", None),
        (450, "5.1.1 the class is not that of the reply", None),
        (550, "Exim 4.96.1 says no", None),
        (550, "", None),
    ],
)
def test_a_status_is_read_at_the_start_of_the_text_only(
    code: int, text: str, status: tuple[int, int, int] | None
) -> None:
    expected = None if status is None else EnhancedStatus(*status)
    assert status_of_text(code, text) == expected
    assert status_of_reply(f"{code} {text}") == expected


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("5.1.1", (5, 1, 1)),
        (" 4.4.7 (queue expired)", (4, 4, 7)),
        ("5.0.0", (5, 0, 0)),
        ("5.1.1.1", None),
        ("x 5.1.1", None),
    ],
)
def test_the_field_of_a_report_contains_a_status_alone(value: str, status: tuple[int, int, int] | None) -> None:
    assert status_of_field(value) == (None if status is None else EnhancedStatus(*status))


@pytest.mark.parametrize(
    ("answer", "suppressed"),
    [
        ("550 5.1.1 User unknown", True),
        ("553 5.1.3 Bad syntax", True),
        ("556 5.1.10 Domain has null MX", True),
        ("550 Client host 5.1.1.3 blocked using dnsbl", False),
        ("550 Rule 5.1.1 of the policy", False),
        ("550 id=5.1.10-abc refused", False),
        ("550 5.7.1 Message rejected; see 5.1.1", False),
        ("550 5.2.2 Mailbox full", False),
        ("450 4.1.1 try later", False),
    ],
)
def test_only_a_status_that_names_a_bad_address_suppresses_it(
    post: Post, mail: MailServer, as_user: AsUser, answer: str, suppressed: bool
) -> None:
    person = as_user()
    mail.handler.rcpt_answers[person.user.email] = answer
    delivered(post(person))
    rows = list(db.session.scalars(db.select(Suppression)))
    assert [(row.address, row.reason) for row in rows] == [(person.user.email, "unknown_address")] * suppressed
    assert all(answer[4:] in row.detail for row in rows)


def test_the_response_to_an_accepted_mail_is_kept(
    client: FlaskClient, post: Post, mail: MailServer, as_user: AsUser
) -> None:
    person = as_user()
    for number, answer in enumerate(("250 2.0.0 Ok: queued as 4F2A", "250 Grüße", "250 OK id=1sXy")):
        mail.handler.data_answers[person.user.email] = answer
        message = delivered(post(person, subject=str(number)))
        (attempt,) = attempts_of(message.id)
        assert (message.status, attempt.response, attempt.error) == ("SENT", answer[4:], None)
        url = f"/api/v1/notifications/{message.id}/attempts"
        assert client.get(url, headers=person.headers).get_json()["data"][0]["response"] == answer[4:]


@pytest.mark.parametrize(
    ("channel", "written", "stored"),
    [
        ("EMAIL", " Ann@Example.ORG ", "ann@example.org"),
        ("EMAIL", "ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("EMAIL", "o'neil+news@example.org", "o'neil+news@example.org"),
        ("SMS", "+1 (500) 555-0006", PHONE),
        ("SMS", PHONE, PHONE),
    ],
)
def test_an_address_is_suppressed_and_released_by_hand(
    client: FlaskClient, as_user: AsUser, channel: str, written: str, stored: str
) -> None:
    admin = as_user(Role.ADMIN).headers
    expires_at = iso(utcnow() + timedelta(days=3))
    body = {"channel": channel, "address": written, "reason": "asked by phone", "expiresAt": expires_at}
    answer = client.post(URL, json=body, headers=admin)
    assert answer.status_code == 201, answer.get_json()
    row = answer.get_json()["data"]
    assert (row["address"], row["reason"], row["expiresAt"]) == (stored, "asked by phone", expires_at)
    again = client.post(URL, json={"channel": channel, "address": stored}, headers=admin).get_json()["data"]
    assert (again["id"], again["reason"], again["expiresAt"]) == (row["id"], "manual", None)
    found = client.get(f"{URL}?reason=manual", headers=admin).get_json()["data"]
    assert [item["id"] for item in found] == [row["id"]]
    assert client.delete(f"{URL}/{row['id']}", headers=admin).status_code == 204
    assert client.get(URL, headers=admin).get_json()["data"] == []
    actions = list(db.session.scalars(db.select(Audit.action).where(Audit.action.like("suppression_%"))))
    assert actions == ["suppression_added", "suppression_added", "suppression_removed"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"address": "ann"}, "/address"),
        ({"channel": "SMS", "address": "0151 123"}, "/address"),
        ({"channel": "SMS", "address": "ann@example.org"}, "/address"),
        ({"channel": "PUSH"}, "/channel"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "/expiresAt"),
        ({"reason": "a\nb"}, "/reason"),
    ],
)
def test_an_invalid_suppression_is_rejected(
    client: FlaskClient, as_user: AsUser, change: dict[str, str], pointer: str
) -> None:
    body = {"channel": "EMAIL", "address": "ann@example.org"} | change
    answer = client.post(URL, json=body, headers=as_user(Role.ADMIN).headers)
    assert (answer.status_code, [e["pointer"] for e in answer.get_json()["errors"]]) == (422, [pointer])


def test_a_suppression_ends_when_it_expires(post: Post, mail: MailServer, as_user: AsUser) -> None:
    people = [as_user() for _ in range(3)]
    now = utcnow()
    for person, left in zip(people, (timedelta(hours=1), timedelta(seconds=-1), timedelta(days=-1)), strict=True):
        suppressions.add_suppression(Channel.EMAIL, person.user.email, expires_at=now + left, actor=None)
    assert [delivered(post(person)).status for person in people] == ["FAILED", "SENT", "SENT"]
    assert suppressions.delete_expired() is False
    assert [row.address for row in db.session.scalars(db.select(Suppression))] == [people[0].user.email]


@pytest.mark.parametrize("proven", [True, False], ids=["proven", "unproven"])
@pytest.mark.parametrize(
    ("reason", "is_unwanted"),
    [("complaint", True), ("unsubscribed", True), ("bounced", False), ("unknown_address", False), ("manual", False)],
)
def test_a_complaint_does_not_keep_back_security_mails_to_a_proven_address(
    post: Post, mail: MailServer, as_user: AsUser, reason: str, is_unwanted: bool, proven: bool
) -> None:
    person = as_user()
    with app_user(person) as user:
        user.email_verified_at = utcnow() if proven else None
    suppressions.suppress_address(Channel.EMAIL, person.user.email, reason)
    assert delivered(post(person, category="news")).failure_reason == "suppressed"
    status = delivered(post(person, category="security")).status
    assert status == ("SENT" if is_unwanted and proven else "FAILED")


class app_user:
    """Change a user's row."""

    def __init__(self, person: SignedIn) -> None:
        self.user = db.session.get_one(User, person.user.id)

    def __enter__(self) -> User:
        return self.user

    def __exit__(self, *_: object) -> None:
        db.session.commit()


def test_a_stronger_reason_replaces_a_weaker_one(client: FlaskClient) -> None:
    for reasons, expected in (
        (("complaint", "bounced", "complaint"), "bounced"),
        (("bounced", "unsubscribed"), "bounced"),
        (("stop", "unknown_address"), "stop"),
    ):
        address = f"{'-'.join(reasons)}@example.org"
        for reason in reasons:
            suppressions.suppress_address(Channel.EMAIL, address, reason)
        assert suppressions.suppression_reason(Channel.EMAIL, address) == expected


_STOPS = [
    *({"OptOutType": "Stop"}, {"Body": "stop"}, {"Body": " Unsubscribe. "}, {"Body": "QUIT"}, {"Body": "StopAll\n"}),
    *({"Body": "end"}, {"Body": "adios", "OptOutType": "STOP"}),
]
_STARTS = [{"OptOutType": "start"}, {"Body": "Start"}, {"Body": "UNSTOP"}, {"Body": "yes"}]


@pytest.mark.parametrize("fields", _STOPS, ids=str)
@pytest.mark.parametrize("start", _STARTS, ids=str)
def test_stop_and_start_are_understood_in_any_case(
    twilio: Send,
    post: Post,
    as_user: AsUser,
    fields: dict[str, str],
    start: dict[str, str],
) -> None:
    person = as_user(phone=PHONE)
    assert twilio(From=PHONE, **fields) == 204
    assert suppressions.suppression_reason(Channel.SMS, PHONE) == "stop"
    assert twilio(From=PHONE, **({"Body": "x"} | start)) == 204
    assert delivered(post(person, channel="SMS")).status == "SENT"


@pytest.mark.parametrize("body", ["Please stop calling", "Yes, at 5", "help", "started", ""])
def test_other_replies_change_nothing(twilio: Send, body: str) -> None:
    assert twilio(From=PHONE, Body=body) == 204
    assert db.session.scalar(db.select(Suppression)) is None


def test_start_does_not_revive_a_number_that_does_not_exist(twilio: Send) -> None:
    suppressions.suppress_address(Channel.SMS, PHONE, "unknown_address")
    assert twilio(From=PHONE, Body="START") == 204
    assert suppressions.suppression_reason(Channel.SMS, PHONE) == "unknown_address"


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [("21610", "failed", "stop"), ("21610", "Undelivered", "stop"), ("21614", "failed", "unknown_address"),
     ("30003", "undelivered", None), ("30007", "failed", None)],
)  # fmt: skip
def test_a_status_callback_reports_an_unsubscribed_number(
    twilio: Send,
    post: Post,
    as_user: AsUser,
    code: str,
    status: str,
    reason: str | None,
) -> None:
    sent = delivered(post(as_user(phone=PHONE), channel="SMS"))
    assert twilio(sent.id, MessageSid="SM1", MessageStatus=status, ErrorCode=code, To=PHONE) == 204
    assert suppressions.suppression_reason(Channel.SMS, PHONE) == reason


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"event": "unsubscribe"}, "unsubscribed"),
        ({"event": "Group_Unsubscribe", "asm_group_id": 10}, "unsubscribed"),
        ({"event": "SPAMREPORT"}, "complaint"),
        ({"event": "dropped", "reason": "Unsubscribed Address"}, "unsubscribed"),
        ({"event": "dropped", "reason": "BOUNCED ADDRESS"}, "bounced"),
        ({"event": "dropped", "reason": "Spam Reporting Address"}, "complaint"),
        ({"event": "dropped", "reason": "Recipient List over Package Quota"}, None),
        ({"event": "bounce", "type": "bounce", "status": "5.1.1"}, "bounced"),
        ({"event": "bounce", "type": "bounce", "status": "5.0.0", "reason": "500 unknown recipient"}, "bounced"),
        ({"event": "bounce", "type": "bounce", "status": "5.7.1"}, None),
        ({"event": "bounce", "type": "bounce", "status": "5.2.2"}, None),
        ({"event": "bounce", "type": "bounce", "reason": "554 5.7.1 blocked: 5.1.1.2"}, None),
        ({"event": "bounce", "type": "Blocked", "status": "5.1.1"}, None),
        ({"event": "deferred", "reason": "450 4.1.1 later"}, None),
        ({"event": "click"}, None),
    ],
    ids=str,
)
def test_what_sendgrid_reports_about_a_recipient(
    sendgrid: Send,
    event: dict[str, Any],
    reason: str | None,
) -> None:
    assert sendgrid(event | {"email": "Ann@Example.org"}) == 204
    assert suppressions.suppression_reason(Channel.EMAIL, "ann@example.org") == reason


def test_a_resubscription_lifts_only_an_unsubscription(sendgrid: Send) -> None:
    for reason in ("unsubscribed", "bounced"):
        suppressions.suppress_address(Channel.EMAIL, f"{reason}@example.org", reason)
        assert sendgrid({"event": "group_resubscribe", "email": f"{reason}@example.org"}) == 204
    assert [row.reason for row in db.session.scalars(db.select(Suppression))] == ["bounced"]


def test_the_commands_list_add_and_remove(app: Flask) -> None:
    runner = app.test_cli_runner()
    command = ["notifications", "suppressions"]
    added = runner.invoke(
        args=[*command, "add", "email", "Ann@Example.org", "--reason", "legal", "--expires", "2099-01-01"]
    )
    assert added.output == "Nothing is sent to ann@example.org by EMAIL until 2099-01-01T00:00:00.000Z.\n"
    listed = runner.invoke(args=[*command, "list", "--address", "ann@example.org"]).output
    assert "legal" in listed and "2099-01-01" in listed
    assert runner.invoke(args=[*command, "remove", "EMAIL", "ANN@example.org"]).exit_code == 0
    for arguments in (
        ["remove", "EMAIL", "ann@example.org"],
        ["add", "SMS", "12"],
        ["add", "EMAIL", "ann"],
        ["add", "EMAIL", "a@example.org", "--expires", "2020-01-01"],
    ):
        failed = runner.invoke(args=[*command, *arguments])
        assert failed.exit_code != 0 and "Error" in failed.output


def test_only_administrators_see_and_add_suppressions(client: FlaskClient, as_user: AsUser) -> None:
    body = {"channel": "EMAIL", "address": "ann@example.org"}
    for role in (Role.USER, Role.MODERATOR):
        headers = as_user(role).headers
        assert client.post(URL, json=body, headers=headers).status_code == 403
        assert client.get(URL, headers=headers).status_code == 403
