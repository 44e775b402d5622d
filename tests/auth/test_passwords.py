from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import bcrypt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.identity.password_hashing import PasswordHasher, is_known_hash
from heidi_common.problems import Unavailable
from tests.auth.helpers import PASSWORD, login, register

ACCEPTED = {
    "12 characters": "qzjfwpxkvbmt",
    "64 ASCII": "kX" * 16 + "wQ7!" * 8,
    "64 emoji": "🦊🍋" * 32,
    "73 bytes": "a quiet harbour, a lantern " + "ü" * 23,
    "80 bytes": "a quiet harbour, a lantern & " + "v7" * 25 + "x",
    "1,024 bytes": "ab cd ef" * 128,
    "only spaces around": "  violet harbour 91  ",
}
REJECTED = {
    "11 characters": "qzjfwpxkvbm",
    "1,025 bytes": "ab cd ef" * 128 + "x",
    "common": "password1234",
    "common in capitals": "PASSWORD1234",
    "common pattern": "123456789012",
    "own e-mail": "ada.lovelace@example.test",
    "own names": "Ada.Lovelace-1815!",
    "blank": " \t" * 8,
    "NUL": "violet\0harbour lantern",
}


@pytest.mark.parametrize("kind", ["argon2id", "bcrypt"])
@pytest.mark.parametrize("name", ACCEPTED)
def test_a_long_password_of_any_script_is_hashed_completely(app: Flask, kind: str, name: str) -> None:
    hasher, password = PasswordHasher(kind), ACCEPTED[name]
    stored = hasher.hash(password)
    assert hasher.verify(stored, password).is_correct and not hasher.verify(stored, password).needs_rehash
    assert not hasher.verify(stored, password[:-1]).is_correct
    assert not hasher.verify(stored, password + "x").is_correct
    cut = password.encode()[:72].decode(errors="ignore")
    assert cut == password or not hasher.verify(stored, cut).is_correct


@pytest.mark.parametrize("name", ACCEPTED)
def test_acceptable_passwords_register_and_sign_in_exactly_as_received(client: FlaskClient, name: str) -> None:
    register(client, password=ACCEPTED[name])
    assert login(client, password=ACCEPTED[name]).status_code == 200
    assert login(client, password=ACCEPTED[name].strip()[:-1]).status_code == 401


@pytest.mark.parametrize("name", REJECTED)
def test_rejected_passwords_are_422_with_their_field(client: FlaskClient, name: str) -> None:
    body = {
        "email": "ada.lovelace@example.test",
        "firstName": "Ada",
        "lastName": "Lovelace",
        "password": REJECTED[name],
    }
    response = client.post("/api/v1/auth/register", json=body)
    assert response.status_code == 422, response.json
    assert response.json["errors"][0]["pointer"] == "/password"
    assert REJECTED[name] not in response.text


def test_a_password_of_a_megabyte_is_rejected_before_hashing(client: FlaskClient) -> None:
    for path in ("register", "login"):
        body = {"email": "ada@example.test", "password": "x" * 1024 * 1024}
        assert client.post(f"/api/v1/auth/{path}", json=body).status_code in (413, 422)


def test_imported_bcrypt_hashes_sign_in_and_become_argon2(client: FlaskClient) -> None:
    imported = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode().replace("$2b$", "$2a$")
    register(client)
    with transaction():
        db.session.query(User).one().password_hash = imported
    assert login(client).status_code == 200
    db.session.rollback()
    assert db.session.query(User).one().password_hash.startswith("$argon2id$")
    assert login(client).status_code == 200


def test_a_bcrypt_hash_takes_no_longer_password_than_bcrypt_reads() -> None:
    exactly = "x" * 71 + "y"
    stored = bcrypt.hashpw(exactly.encode(), bcrypt.gensalt(4)).decode()
    assert PasswordHasher(slots=1).verify(stored, exactly).is_correct
    assert not PasswordHasher(slots=1).verify(stored, exactly + "z").is_correct


def test_only_verifiable_hashes_are_known() -> None:
    good = (
        PasswordHasher("bcrypt", 1).hash("x" * 12),
        PasswordHasher("bcrypt", 1).hash("x" * 80),
        PasswordHasher(slots=1).hash("x"),
    )
    assert all(is_known_hash(stored) for stored in good)
    bad = "$argon2id$nonsense", "$2x$10$" + "a" * 53, "$2b$31$" + "a" * 53, "5f4dcc3b5aa765d61d8327deb882cf99", ""
    assert not any(is_known_hash(stored) for stored in bad)
    assert not any(PasswordHasher(slots=1).verify(stored, "x").is_correct for stored in bad)


def test_waiting_too_long_for_a_slot_is_503_with_retry_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heidi_common.identity.password_hashing.WAIT_SECONDS", 0.05)
    hasher = PasswordHasher(slots=1)

    def hash_another() -> None:
        with pytest.raises(Unavailable) as error:
            hasher.hash("another one")
        assert error.value.headers["Retry-After"] == "5"

    assert not hasher.verify(None, "the first one", before_hash=hash_another).is_correct


def test_twenty_registrations_of_one_email_make_one_user(app: Flask) -> None:
    body = {"email": "ada@example.test", "password": PASSWORD}

    def post(_: int) -> int:
        return app.test_client().post("/api/v1/auth/register", json=body).status_code

    with ThreadPoolExecutor(20) as pool:
        codes = sorted(pool.map(post, range(20)))
    assert codes == [201] + [409] * 19
    assert db.session.query(User).count() == 1
