from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import FirebaseProject, User
from heidi_common.identity.password_hashing import PasswordHasher
from tests.auth.helpers import ANOTHER, PASSWORD, login, register
from tests.common.identity.test_password_formats import CONFIG, FIREBASE, REJECTED, VALID

FIREBASE_SALT, FIREBASE_DIGEST = FIREBASE.split("$")[2:]
EMAIL = "ada@example.test"


@pytest.fixture
def load(app: Flask, tmp_path: Path):
    def invoke(rows: list[dict[str, object]], *options: str) -> Result:
        path = tmp_path / "people.ndjson"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        result = app.test_cli_runner().invoke(args=["users", "import", str(path), *options])
        db.session.rollback()
        return result

    return invoke


def test_users_of_other_systems_sign_in_and_are_rehashed(load, client: FlaskClient) -> None:
    names = ("Spring bcrypt", "Werkzeug scrypt", "Django PBKDF2", "Keycloak PBKDF2", "Django bcrypt of SHA-256")
    rows = [{"email": f"{number}@example.test", "passwordHash": VALID[name]} for number, name in enumerate(names)]
    rows[3]["passwordHash"] = json.loads(VALID[names[3]])
    assert load(rows).stdout.splitlines()[-1] == "5 created"
    for number in range(5):
        assert login(client, f"{number}@example.test", ANOTHER).status_code == 401
        assert login(client, f"{number}@example.test").status_code == 200
    db.session.rollback()
    assert all(text.startswith("$argon2id$") for text in db.session.scalars(select(User.password_hash)))


def test_rejected_hashes_are_reported_without_the_hash(load) -> None:
    names = ("Spring noop", "LDAP SSHA", "bcrypt cost 99", "argon2 passes", "scrypt work")
    rows = [{"email": f"{number}@example.test", "passwordHash": REJECTED[name][0]} for number, name in enumerate(names)]
    result = load(rows)
    assert result.stdout.splitlines()[-1] == "5 refused" and result.exit_code == 1
    assert all("passwordHash: " in line for line in result.stdout.splitlines()[:-1])
    assert not any(str(row["passwordHash"]) in result.output for row in rows)


def test_whatever_the_column_holds_no_password_matches_and_nothing_is_raised() -> None:
    hasher = PasswordHasher()
    assert not any(hasher.verify(text, PASSWORD).is_correct for text, _ in REJECTED.values())


@pytest.mark.parametrize("name", ["Spring prefix, other hash", "argon2 memory", "deep JSON", "scrypt lanes"])
def test_sign_in_with_an_unusable_hash_is_rejected_without_an_error(client: FlaskClient, name: str) -> None:
    register(client)
    with transaction():
        db.session.query(User).one().password_hash = REJECTED[name][0]
    assert login(client).status_code == 401


def test_firebase_hashes_need_the_projects_parameters_which_are_encrypted(load, client, tmp_path) -> None:
    row = {"email": EMAIL, "passwordHash": FIREBASE_DIGEST, "passwordSalt": FIREBASE_SALT}
    assert "pass the project's --firebase-config" in load([row]).output
    config = tmp_path / "firebase.txt"
    config.write_text(CONFIG)
    for _ in range(2):
        load([row], "--firebase-config", str(config))
    project = db.session.scalars(select(FirebaseProject)).one()
    assert "jxspr8Ki0RYycVU8" not in project.sealed
    assert login(client, EMAIL, "user1password").status_code == 200
    db.session.rollback()
    assert db.session.query(User).one().password_hash.startswith("$argon2id$")


def test_a_firebase_hash_of_another_installation_is_bound_to_the_given_parameters(load, client, tmp_path) -> None:
    config = tmp_path / "firebase.txt"
    config.write_text(CONFIG)
    row = {"email": EMAIL, "passwordHash": FIREBASE}
    assert "1 created" in load([row], "--firebase-config", str(config)).output
    assert login(client, EMAIL, "user1password").status_code == 200


def test_a_firebase_file_without_parameters_is_rejected_in_one_line(load, tmp_path) -> None:
    config = tmp_path / "firebase.txt"
    config.write_text("rounds: 8")
    result = load([], "--firebase-config", str(config))
    assert result.exit_code == 1 and "lacks base64_salt_separator" in result.output


def test_ids_times_and_the_verified_state_are_imported(load, client: FlaskClient) -> None:
    ids = [f"018f3b1e-0000-7000-8000-00000000000{n}" for n in range(3)]
    rows = [
        {"id": ids[0], "email": "a@example.test", "createdAt": "2019-05-04T10:00:00+02:00", "emailVerified": False},
        {"id": ids[1], "email": "b@example.test", "createdAt": "2031-05-04T10:00:00Z"},
        {"id": "12", "email": "c@example.test"},
        {"id": ids[0], "email": "d@example.test"},
        {"id": ids[2], "email": "a@example.test"},
        {"id": ids[0], "email": "a@example.test"},
    ]
    lines = load(rows).stdout.splitlines()
    assert [line.split(": ")[1].split()[0] for line in lines[:-1]] == ["created", *["refused"] * 4, "exists"]
    assert "in the future" in lines[1] and "ID exists already" in lines[3] and "another ID" in lines[4]
    user = db.session.query(User).one()
    assert str(user.id) == ids[0] and user.email_verified_at is None
    assert user.created_at.isoformat() == "2019-05-04T08:00:00+00:00"


def test_the_id_of_a_deleted_user_is_not_given_again(load, client: FlaskClient) -> None:
    user_id = register(client, password=PASSWORD)["user"]["id"]
    with transaction():
        user = db.session.query(User).one()
        user.deleted_at, user.is_active = user.created_at, False
    assert "ID exists already" in load([{"id": user_id, "email": EMAIL}]).output
