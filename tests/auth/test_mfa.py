from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.identity.models import RecoveryCode, Totp, User
from heidi_common.interceptors.error_handlers import LOCK_NOT_AVAILABLE
from heidi_common.runtime import Runtime, current_settings
from heidi_services.auth.service import mfa_challenge, totp_secrets
from tests.auth.helpers import ANOTHER, bearer, login, mails, register_verified

TOTP = "/api/v1/auth/mfa/totp"


class EnrolledUser:
    """A user with a second factor, and a clock that can be advanced so that each code is new."""

    def __init__(self, client: FlaskClient, clock) -> None:
        self.client, self.clock = client, clock
        self.data = register_verified(client)
        self.secret = client.post(TOTP, headers=bearer(self.data)).json["data"]["secret"]
        confirmed = client.post(f"{TOTP}/confirm", json={"code": self.code()}, headers=bearer(self.data))
        self.recovery = confirmed.json["data"]["recoveryCodes"]

    def code(self, steps: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(utcnow() + timedelta(seconds=30 * steps))

    def advance(self, seconds: int = 30) -> None:
        self.clock.shift(timedelta(seconds=seconds))

    def challenge(self) -> str:
        response = login(self.client).json["data"]
        assert response["mfaRequired"] is True and set(response) == {"mfaRequired", "mfaToken"}
        return response["mfaToken"]

    def verify(self, token: str, code: str):
        return self.client.post("/api/v1/auth/mfa/verify", json={"mfaToken": token, "code": code})


@pytest.fixture
def ada(client: FlaskClient):
    with time_machine.travel(utcnow(), tick=False) as clock:
        yield EnrolledUser(client, clock)


def test_a_sign_in_with_a_second_factor_needs_the_code(client, ada) -> None:
    ada.advance()
    response = ada.verify(ada.challenge(), ada.code())
    assert response.status_code == 200
    assert client.get("/api/v1/auth/me", headers=bearer(response.json["data"])).status_code == 200


def test_a_code_works_once_even_within_its_window(client, ada) -> None:
    ada.advance()
    code = ada.code()
    assert ada.verify(ada.challenge(), code).status_code == 200
    assert ada.verify(ada.challenge(), code).status_code == 401
    assert ada.verify(ada.challenge(), ada.code(-1)).status_code == 401
    assert ada.verify(ada.challenge(), ada.code(1)).status_code == 200


def test_one_step_either_way_is_accepted_and_two_are_not(client, ada) -> None:
    ada.advance(120)
    for steps in (-2, 2):
        assert ada.verify(ada.challenge(), ada.code(steps)).status_code == 401
    assert ada.verify(ada.challenge(), ada.code(-1)).status_code == 200
    assert ada.verify(ada.challenge(), ada.code(1)).status_code == 200


def test_a_deactivation_during_a_sign_in_does_not_leave_a_session(client, ada, monkeypatch) -> None:
    """A deactivation ends the existing sessions, so it has to wait for a session that is being created."""
    lock_errors: list[str | None] = []

    def deactivate_meanwhile(*_args: object) -> bool:
        with pytest.raises(OperationalError) as waits, db.engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
            connection.execute(update(User).values(is_active=False))
        lock_errors.append(waits.value.orig.pgcode)
        return True

    monkeypatch.setattr(mfa_challenge, "_use_code", deactivate_meanwhile)
    assert ada.verify(ada.challenge(), "123456").status_code == 200
    assert lock_errors == [LOCK_NOT_AVAILABLE]


def test_concurrent_uses_of_one_code_sign_in_once(app: Flask, ada) -> None:
    ada.advance()
    tokens, code = [ada.challenge() for _ in range(6)], ada.code()
    url = "/api/v1/auth/mfa/verify"
    with ThreadPoolExecutor(6) as pool:
        posts = pool.map(lambda token: app.test_client().post(url, json={"mfaToken": token, "code": code}), tokens)
        assert sorted(response.status_code for response in posts) == [200] + [401] * 5


def test_a_challenge_allows_five_attempts_and_five_minutes(client, ada) -> None:
    ada.advance()
    token = ada.challenge()
    for _ in range(5):
        assert ada.verify(token, "000000").json["code"] == "invalid_code"
    assert ada.verify(token, ada.code()).json["code"] == "invalid_mfa_token"
    token = ada.challenge()
    ada.advance(301)
    assert ada.verify(token, ada.code()).status_code == 401


def test_new_challenges_do_not_allow_unlimited_attempts(client, ada) -> None:
    for _ in range(2):
        token = ada.challenge()
        for _ in range(5):
            ada.verify(token, "000000")
    assert ada.verify(ada.challenge(), ada.code(1)).status_code == 429


def test_guessing_at_challenges_is_counted_against_the_address(client, ada) -> None:
    codes = [ada.verify(f"made-up-{number}", "000000").status_code for number in range(101)]
    assert codes == [401] * 100 + [429]


def test_recovery_codes_are_ten_hashed_and_work_once_each(client, ada) -> None:
    assert len(set(ada.recovery)) == 10
    stored = set(db.session.scalars(select(RecoveryCode.code_hash)))
    assert len(stored) == 10 and not stored & set(ada.recovery)
    assert ada.verify(ada.challenge(), ada.recovery[0].upper().replace("-", " ")).status_code == 200
    assert ada.verify(ada.challenge(), ada.recovery[0]).status_code == 401
    assert ada.verify(ada.challenge(), ada.recovery[1]).status_code == 200


def test_a_password_reset_does_not_bypass_the_second_factor(client, ada) -> None:
    old = ada.challenge()
    client.post("/api/v1/auth/password/forgot", json={"email": "ada@example.test"})
    token = mails("password-reset")[0]["variables"]["token"]
    client.post("/api/v1/auth/password/reset", json={"token": token, "newPassword": ANOTHER})
    assert login(client, password=ANOTHER).json["data"]["mfaRequired"] is True
    ada.advance()
    assert ada.verify(old, ada.code()).status_code == 401


def test_a_factor_takes_effect_when_confirmed_and_ends_when_removed(client) -> None:
    data = register_verified(client)
    assert client.post(f"{TOTP}/confirm", json={"code": "123456"}, headers=bearer(data)).status_code == 409
    first = client.post(TOTP, headers=bearer(data)).json["data"]
    assert first["otpauthUri"].startswith("otpauth://totp/Heidi:ada%40example.test?secret=" + first["secret"])
    assert "mfaRequired" not in login(client).json["data"]
    second = client.post(TOTP, headers=bearer(data)).json["data"]
    wrong = pyotp.TOTP(first["secret"]).now()
    assert client.post(f"{TOTP}/confirm", json={"code": wrong}, headers=bearer(data)).status_code == 422
    right = pyotp.TOTP(second["secret"]).now()
    assert client.post(f"{TOTP}/confirm", json={"code": right}, headers=bearer(data)).status_code == 200
    assert db.session.scalar(select(Totp.secret)) != second["secret"]
    assert client.post(TOTP, headers=bearer(data)).status_code == 409
    assert client.delete(TOTP, headers=bearer(data)).status_code == 204
    assert client.delete(TOTP, headers=bearer(data)).status_code == 404
    assert "mfaRequired" not in login(client).json["data"]
    assert len(mails("mfa-removed")) == 1


def _with_keys(app: Flask, monkeypatch, *keys: str) -> None:
    monkeypatch.setitem(app.extensions, "heidi", Runtime(replace(current_settings(), encryption_keys=keys)))


def test_a_second_factor_still_works_after_encryption_keys_are_rotated(app: Flask, ada, monkeypatch) -> None:
    [old], new = current_settings().encryption_keys, base64.b64encode(bytes(range(32, 64))).decode()
    _with_keys(app, monkeypatch, new, old)
    assert totp_secrets.reencrypt_all() == (1, [])
    assert totp_secrets.reencrypt_all() == (0, [])
    _with_keys(app, monkeypatch, new)
    ada.advance()
    assert ada.verify(ada.challenge(), ada.code()).status_code == 200


def test_recovery_codes_still_work_when_the_encryption_key_is_lost(app: Flask, ada, monkeypatch) -> None:
    _with_keys(app, monkeypatch, base64.b64encode(bytes(range(32, 64))).decode())
    ada.advance()
    token = ada.challenge()
    assert ada.verify(token, ada.code()).status_code == 401
    assert ada.verify(token, ada.recovery[0]).status_code == 200
    assert totp_secrets.reencrypt_all()[0] == 0 and len(totp_secrets.reencrypt_all()[1]) == 1


def test_an_old_session_can_neither_remove_nor_enroll_a_second_factor(client, ada) -> None:
    ada.advance(601)
    old = client.post("/api/v1/auth/refresh", json={"refreshToken": ada.data["refreshToken"]}).json["data"]
    for method in ("DELETE", "POST"):
        rejected = client.open(TOTP, method=method, headers=bearer(old))
        assert (rejected.status_code, rejected.json["code"]) == (403, "recent_sign_in_required")
    assert login(client).json["data"]["mfaRequired"] is True
    signed_in = ada.verify(ada.challenge(), ada.code()).json["data"]
    assert client.delete(TOTP, headers=bearer(signed_in)).status_code == 204
    assert client.post(TOTP, headers=bearer(signed_in)).status_code == 200
