"""An attacker registers the address of a victim, who takes the account over later."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pyotp
import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from uuid_utils.compat import uuid7

from heidi_common.audit.trail import Audit
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import RecoveryCode, Role, Totp, User
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.auth import tokens
from heidi_services.auth.models import OneTimeToken, Purpose
from heidi_services.integration.models import Integration
from heidi_services.integration.service import owner_sync
from heidi_services.notification.models import PushDevice
from heidi_services.notification.service import event_handlers
from heidi_services.notification.service.recipients import devices
from tests.auth.helpers import ANOTHER, bearer, login, mails, register, register_verified, verify_email

AUTH, DEVICES, INTEGRATIONS, ME = (
    f"/api/v1/{path}" for path in ("auth", "notifications/devices", "integrations", "users/me")
)
FCM = {"token": "f" * 40}
WEB_PUSH = {
    "subscription": {
        "endpoint": "https://push.example.test/1",
        "keys": {
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        },
    }
}
ATTACHMENTS = (
    ("POST", f"{AUTH}/mfa/totp", None),
    ("POST", f"{AUTH}/mfa/totp/confirm", {"code": "123456"}),
    ("POST", DEVICES, FCM),
    ("POST", DEVICES, WEB_PUSH),
    ("POST", INTEGRATIONS, {"provider": "SLACK", "name": "x", "webhookUrl": "https://93.184.216.34/x"}),
    ("POST", INTEGRATIONS, {"provider": "WEBHOOK", "name": "y"}),
    ("PATCH", ME, {"phone": "+4930123456"}),
    ("PATCH", ME, {"firstName": "Eve", "phone": "+12025550123"}),
)


@pytest.mark.parametrize(("method", "path", "body"), ATTACHMENTS)
def test_nothing_can_be_attached_before_the_address_is_verified(client: FlaskClient, method, path, body) -> None:
    attacker = register(client)
    response = client.open(path, method=method, json=body, headers=bearer(attacker))
    assert (response.status_code, response.json["code"]) == (403, "email_not_verified")
    verify_email(client)
    assert client.open(path, method=method, json=body, headers=bearer(attacker)).status_code in (200, 201, 409)


def test_names_and_an_empty_phone_number_are_no_attachment(client: FlaskClient) -> None:
    headers = bearer(register(client))
    assert client.patch(ME, json={"firstName": "Ada", "phone": None}, headers=headers).status_code == 200


def attach(user_id: str, age: timedelta = timedelta(minutes=1)) -> None:
    """What version 1.1 allowed unverified accounts."""
    owner, before = UUID(user_id), utcnow() - age
    with transaction():
        db.session.get_one(User, owner).phone = "+4930123456"
        db.session.add(Totp(user_id=owner, secret="x", created_at=before, confirmed_at=before))
        db.session.add(RecoveryCode(user_id=owner, code_hash="x"))
        db.session.add(PushDevice(user_id=owner, kind="FCM", token=str(owner), created_at=before, updated_at=before))
        db.session.add(
            Integration(
                user_id=owner,
                owner_role=Role.USER,
                provider="WEBHOOK",
                name="eve",
                config={},
                credentials="x",
                signing_secret="x",
                created_at=before,
            )
        )


def attachments(user_id: str) -> tuple[int, ...]:
    """The numbers of second factors, recovery codes, devices, integrations and phone numbers, when all is handled."""
    for event in db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "user.reclaimed")).all():
        event_handlers.handle_user_reclaimed(event)
        owner_sync.update_owner(event)
    tables = (Totp, RecoveryCode, PushDevice, Integration)
    counts = (select(func.count()).where(table.user_id == UUID(user_id)).scalar_subquery() for table in tables)
    phone = select(func.count(User.phone)).where(User.id == UUID(user_id)).scalar_subquery()
    return tuple(db.session.execute(select(*counts, phone)).one())


def reset(client: FlaskClient) -> None:
    client.post(f"{AUTH}/password/forgot", json={"email": "ada@example.test"})
    token = mails("password-reset")[-1]["variables"]["token"]
    response = client.post(f"{AUTH}/password/reset", json={"token": token, "newPassword": ANOTHER})
    assert response.status_code == 204


def accept_invitation(client: FlaskClient) -> None:
    """Of an administrator to an imported account, which has never been used."""
    with transaction():
        user = db.session.scalars(select(User).where(User.email == "ada@example.test")).one()
        token = "t" * 43
        db.session.add(
            OneTimeToken(
                user_id=user.id,
                purpose=Purpose.RESET_PASSWORD,
                email=user.email,
                token_hash=tokens.hash_secret(token),
                expires_at=utcnow() + timedelta(days=1),
            )
        )
    response = client.post(f"{AUTH}/password/reset", json={"token": token, "newPassword": ANOTHER})
    assert response.status_code == 204


def verify_without_password(client: FlaskClient) -> None:
    verify_email(client)
    reset(client)


@pytest.mark.parametrize("proof", [reset, accept_invitation, verify_without_password])
def test_the_owners_proof_removes_what_was_attached_before(client: FlaskClient, proof) -> None:
    attacker = register(client)
    user_id = attacker["user"]["id"]
    attach(user_id)
    proof(client)
    assert attachments(user_id) == (0, 0, 0, 0, 0)
    assert login(client, password=ANOTHER).json["data"]["user"]["emailVerified"] is True
    removed = db.session.scalars(select(Audit.detail).where(Audit.action == "user_attachments_removed")).all()
    assert {name for detail in removed for name in detail} == {"secondFactor", "phone", "devices", "integrations"}
    reports = mails("attachments-removed")
    assert {mail["recipient"] for mail in reports} == {"ada@example.test"} and len(reports) == 3
    assert client.get(f"{AUTH}/me", headers=bearer(attacker)).status_code == 401
    # What the owner attaches from now on stays, also after another reset.
    attach(user_id, age=timedelta(0))
    reset(client)
    assert attachments(user_id) == (1, 1, 1, 1, 1)


def signed_in_verification(client: FlaskClient, attacker: dict) -> None:
    verify_email(client, headers=bearer(attacker))


def verification_and_sign_in(client: FlaskClient, attacker: dict) -> None:
    verify_email(client)
    assert login(client).json["data"]["mfaRequired"] is True


@pytest.mark.parametrize("proof", [signed_in_verification, verification_and_sign_in])
def test_a_verification_by_the_user_who_knows_the_password_removes_nothing(client: FlaskClient, proof) -> None:
    data = register(client)
    attach(data["user"]["id"])
    proof(client, data)
    reset(client)
    assert attachments(data["user"]["id"]) == (1, 1, 1, 1, 1)
    assert mails("attachments-removed") == []


def test_another_users_access_token_proves_nothing(client: FlaskClient) -> None:
    user_id = register(client)["user"]["id"]
    attach(user_id)
    verify_email(client, headers=bearer(register(client, "eve@example.test")))
    reset(client)
    assert attachments(user_id) == (0, 0, 0, 0, 0)


def test_a_factor_of_a_verified_user_survives_a_reset(client: FlaskClient) -> None:
    data = register_verified(client)
    secret = client.post(f"{AUTH}/mfa/totp", headers=bearer(data)).json["data"]["secret"]
    body = {"code": pyotp.TOTP(secret).now()}
    assert client.post(f"{AUTH}/mfa/totp/confirm", json=body, headers=bearer(data)).status_code == 200
    reset(client)
    assert login(client, password=ANOTHER).json["data"]["mfaRequired"] is True


def test_a_device_that_is_registered_after_the_proof_stays(client: FlaskClient) -> None:
    user_id = register(client)["user"]["id"]
    reset(client)
    with transaction():
        db.session.add(PushDevice(id=uuid7(), user_id=UUID(user_id), kind="FCM", token="new"))
    assert attachments(user_id)[2] == 1
    with transaction():
        assert devices.remove_attached(UUID(user_id), utcnow() + timedelta(days=1)) == 1
