from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from heidi_common.audit.trail import Audit
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import login_throttle, password_hashing
from heidi_common.identity.models import User
from heidi_common.runtime import current_runtime, current_settings
from tests.auth.helpers import PASSWORD, login, register
from tests.conftest import make_settings
from tests.sql_recorder import recorded_statements

VARYING = ("X-Request-ID", "Server-Timing", "Date", "Content-Length", "RateLimit")


@pytest.fixture
def rejected_accounts(client: FlaskClient) -> dict[str, tuple[str, str]]:
    """Reason of a rejection -> the credentials that are sent."""
    for name in ("ada", "idle", "locked", "gone"):
        register(client, f"{name}@example.test")
    with transaction():
        db.session.query(User).filter_by(email="idle@example.test").one().is_active = False
        db.session.query(User).filter_by(email="gone@example.test").one().deleted_at = db.func.now()
    for _ in range(50):
        login_throttle.count(login_throttle.account_limit("locked@example.test"))
    return {
        "wrong": ("ada@example.test", "not-her-password-1"),
        "unknown": ("nobody@example.test", PASSWORD),
        "inactive": ("idle@example.test", PASSWORD),
        "deleted": ("gone@example.test", PASSWORD),
        "softly locked": ("locked@example.test", PASSWORD),
        "no address": ("what is this", PASSWORD),
    }


def shape(response) -> tuple:
    headers = {name: value for name, value in response.headers if name not in VARYING}
    body = {key: value for key, value in response.json.items() if key != "requestId"}
    return response.status_code, headers, body


def test_every_rejection_has_the_same_response(app: Flask, rejected_accounts) -> None:
    elsewhere = {"REMOTE_ADDR": "203.0.113.7"}
    shapes = [
        shape(login(app.test_client(), *credentials, environ_base=elsewhere))
        for credentials in rejected_accounts.values()
    ]
    assert shapes[0][0] == 401 and shapes[0][2]["code"] == "invalid_credentials"
    for shape_of_reason in shapes:
        assert shape_of_reason == shapes[0]
    rows = db.session.scalars(select(Audit).where(Audit.action == "authn_login_fail")).all()
    assert len(rows) == len(rejected_accounts)
    assert all(row.target.startswith("hmac:") and "example" not in str(vars(row)) for row in rows)


def test_an_unverified_user_is_rejected_the_same_way(
    app: Flask, rejected_accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = current_settings()
    wrong = shape(login(app.test_client(), "ada@example.test", "not-her-password-1"))
    changed = make_settings(settings.database_url, settings.redis_url, auth_registration="verified")
    monkeypatch.setattr(current_runtime(), "settings", changed)
    assert shape(login(app.test_client())) == wrong


def test_the_owner_of_a_locked_account_can_sign_in_from_a_known_address(app: Flask, rejected_accounts) -> None:
    assert login(app.test_client(), "locked@example.test").status_code == 200


def test_the_eleventh_failure_from_one_address_is_429_for_known_and_unknown(app: Flask, rejected_accounts) -> None:
    for email in ("ada@example.test", "nobody@example.test"):
        codes = [login(app.test_client(), email, "not-the-password-1").status_code for _ in range(10)]
        assert codes == [401] * 10
        response = login(app.test_client(), email, PASSWORD)
        assert response.status_code == 429 and int(response.headers["Retry-After"]) > 800
        assert "remaining=0" in response.headers["RateLimit"]
    # Other addresses are not locked out.
    other = {"REMOTE_ADDR": "203.0.113.9"}
    assert login(app.test_client(), "ada@example.test", environ_base=other).status_code == 200


def test_one_address_cannot_attempt_many_accounts(app: Flask) -> None:
    for _ in range(100):
        login_throttle.count(login_throttle.address_limit("127.0.0.1"))
    assert login(app.test_client(), "another@example.test").status_code == 429


def test_a_burst_does_not_exceed_the_throttle(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten guesses, and at most those being hashed when the tenth has failed: four here, on any machine."""
    monkeypatch.setitem(app.extensions, "heidi.passwords", password_hashing.PasswordHasher(slots=4))
    register(client)
    with ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(lambda n: login(app.test_client(), password=f"guess number {n}").status_code, range(40)))
    assert codes.count(401) <= 14 and codes.count(401) + codes.count(429) == 40


def test_every_rejection_does_the_same_work(app: Flask, rejected_accounts) -> None:
    """The same statements and one hash each. Times are measured by benchmarks/sign_in_timing.py."""
    for email, _ in rejected_accounts.values():
        for _ in range(50):
            login_throttle.count(
                login_throttle.account_limit(email)
            )  # while locked, a right password must not cost more, either
    elsewhere, done = {"REMOTE_ADDR": "203.0.113.7"}, {}
    for reason, credentials in rejected_accounts.items():
        with recorded_work() as work:
            assert login(app.test_client(), *credentials, environ_base=elsewhere).status_code == 401
        done[reason] = work
    assert sum(step == "hash" for step in done["wrong"]) == 1 and len(done["wrong"]) > 3
    no_address = done.pop("no address")
    stores_address = [step for step in done["wrong"] if "INSERT INTO audit_addresses" in step]
    assert no_address == [step for step in done["wrong"] if step not in stores_address], "the sender knows what it sent"
    assert {reason: work for reason, work in done.items() if work != done["wrong"]} == {}


@contextmanager
def recorded_work() -> Iterator[list[str]]:
    """Statements (without their values) and hashes, in order."""
    work: list[str] = []
    verify = password_hashing._matches
    with recorded_statements() as sent, pytest.MonkeyPatch.context() as patch:

        def hashing(stored: str, password: str) -> bool:
            sent.append(("hash", None))
            return verify(stored, password)

        patch.setattr(password_hashing, "_matches", hashing)
        yield work
    work += [statement for statement, _ in sent]
