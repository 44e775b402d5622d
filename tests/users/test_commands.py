from __future__ import annotations

import json
from dataclasses import replace

import bcrypt
import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from heidi_common.app import build_app
from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.identity.models import Role, User
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services import SERVICES
from heidi_services.notification.models import Notification
from heidi_services.notification.service import event_handlers
from tests.auth.helpers import ANOTHER, PASSWORD, bearer, login, register


@pytest.fixture
def run(app: Flask):
    def invoke(*args: str, **options) -> Result:
        result = app.test_cli_runner().invoke(args=["users", *args], **options)
        db.session.rollback()
        return result

    return invoke


def test_create_admin_reads_the_password_from_standard_input(run, client) -> None:
    result = run("create-admin", "Root@Example.test", "--password-stdin", input=PASSWORD + "\n")
    assert result.exit_code == 0 and "created: root@example.test" in result.output and PASSWORD not in result.output
    assert login(client, "root@example.test").json["data"]["user"]["role"] == "ADMIN"
    again = run("create-admin", "--email", "two@example.test", "--if-none", env={"HEIDI_ADMIN_PASSWORD": ANOTHER})
    assert again.exit_code == 0 and "nothing done" in again.output
    assert db.session.query(User).count() == 1


def test_create_admin_generates_and_displays_a_missing_password(run, client) -> None:
    result = run("create-admin", "root@example.test", env={"HEIDI_ADMIN_PASSWORD": ""})
    password = result.output.split("password: ")[1].strip()
    assert login(client, "root@example.test", password).status_code == 200


def test_create_admin_promotes_an_existing_user_who_keeps_the_password(run, client) -> None:
    register(client)
    result = run("create-admin", "ada@example.test", "--password-stdin", input=ANOTHER + "\n")
    assert "promoted to administrator" in result.output
    assert login(client).json["data"]["user"]["role"] == "ADMIN"


def test_an_invalid_password_or_address_is_reported_in_one_line(run) -> None:
    for args, text in [(("root@example.test",), "12 characters"), (("nonsense",), "@")]:
        result = run("create-admin", *args, "--password-stdin", input="short\n")
        assert result.exit_code == 1 and result.output.startswith("Error: ") and text in result.output
        assert len(result.output.splitlines()) == 1


def test_users_are_listed_shown_and_changed(run, client, as_user) -> None:
    data = register(client, firstName="Ada")
    as_user(Role.ADMIN)
    assert "ada@example.test  Ada" in run("list", "-q", "ada").output
    assert json.loads(run("show", data["user"]["id"]).output)["firstName"] == "Ada"
    assert "MODERATOR" in run("set-role", "ada@example.test", "moderator").output
    assert client.get("/api/v1/auth/me", headers=bearer(data)).status_code == 401
    assert "inactive" in run("deactivate", "ada@example.test").output
    assert login(client).status_code == 401
    assert "active" in run("restore", "ada@example.test").output
    assert login(client).status_code == 200
    assert run("show", "nobody@example.test").exit_code == 1


def test_commands_cannot_remove_the_last_administrator(run, as_user) -> None:
    admin = as_user(Role.ADMIN)
    for command in (("deactivate", str(admin.user.id)), ("set-role", str(admin.user.id), "user")):
        result = run(*command)
        assert result.exit_code == 1 and "At least one active administrator must remain" in result.output


def test_an_import_reports_each_line_and_continues_after_errors(run, client, tmp_path) -> None:
    old = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    lines = [
        json.dumps({"email": "One@example.test", "passwordHash": old, "firstName": "One"}),
        "{broken",
        "[" * 100_000,
        json.dumps({"email": "two@example.test", "password": ANOTHER, "role": "MODERATOR"}),
        json.dumps({"email": "no address", "password": ANOTHER}),
        json.dumps({"email": "three@example.test", "password": "short"}),
        json.dumps({"email": "four@example.test", "passwordHash": "md5:abc"}),
        json.dumps({"email": "one@example.test"}),
        json.dumps({"email": "five@example.test", "colour": "red"}),
        "[]",
    ]
    path = tmp_path / "people.ndjson"
    path.write_text("\n".join(lines) + "\n")
    result = run("import", str(path))
    outcomes = [line.split(": ")[1].split()[0] for line in result.stdout.splitlines()[:-1]]
    assert outcomes == [
        "created",
        "refused",
        "refused",
        "created",
        "refused",
        "refused",
        "refused",
        "exists",
        "refused",
        "refused",
    ]
    assert result.stdout.splitlines()[-1] == "2 created, 1 exists, 7 refused" and result.exit_code == 1
    assert login(client, "one@example.test").status_code == 200
    assert login(client, "two@example.test", ANOTHER).json["data"]["user"]["role"] == "MODERATOR"
    changed = [
        event.data.get("changed")
        for event in db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "user.created"))
    ]
    assert changed == [["imported"]] * 2


def test_a_csv_with_an_invalid_line_and_a_byte_order_mark_is_imported(run, tmp_path) -> None:
    path = tmp_path / "people.csv"
    rows = ["email,firstName,isActive", "a@example.test,Zoë,false", "b@example.test", 'c@example.test,"Ü, C",true']
    path.write_text("\n".join(rows), encoding="utf-8-sig")
    result = run("import", str(path))
    assert result.stdout.splitlines()[-1] == "2 created, 1 refused"
    users = {user.email: user for user in db.session.query(User)}
    assert users["a@example.test"].first_name == "Zoë" and not users["a@example.test"].is_active
    assert users["c@example.test"].first_name == "Ü, C"


def test_registered_users_get_a_welcome_message_and_imported_users_do_not(run, client, tmp_path) -> None:
    path = tmp_path / "people.ndjson"
    path.write_text(json.dumps({"email": "old@example.test"}))
    assert run("import", str(path)).exit_code == 0
    register(client)
    for event in db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "user.created")).all():
        event_handlers.handle_user_created(event)
    welcomed = db.session.scalars(select(Notification.user_id)).all()
    assert welcomed == [db.session.scalar(select(User.id).where(User.email == "ada@example.test"))]


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_an_export_can_be_imported_elsewhere(app, run, client, tmp_path, kind) -> None:
    register(client, firstName="Ada, the first", lastName='"Lovelace"')
    path = tmp_path / f"out.{kind}"
    assert run("export", str(path), "--with-hashes").exit_code == 0
    assert path.stat().st_mode & 0o077 == 0
    assert "$argon2" not in run("export", "-", "--format", kind).output
    db.session.query(User).delete()
    db.session.commit()
    assert "1 created" in run("import", str(path)).output
    user = login(client).json["data"]["user"]
    assert (user["firstName"], user["lastName"]) == ("Ada, the first", '"Lovelace"')


def test_hundreds_of_lines_are_imported_with_bounded_transactions(run, tmp_path) -> None:
    path = tmp_path / "many.ndjson"
    path.write_text("".join(json.dumps({"email": f"p{n}@example.test"}) + "\n" for n in range(600)))
    assert run("import", str(path)).stdout.splitlines()[-1] == "600 created"
    assert run("import", str(path)).stdout.splitlines()[-1] == "600 exists"


@pytest.mark.parametrize("ending", ["csv", "ndjson"])
def test_a_damaged_line_of_a_utf_8_file_is_refused_and_the_others_are_not(run, tmp_path, ending: str) -> None:
    lines = {
        "csv": ["email,firstName", "jo@example.test,J\xfcrg", "al@example.test,J\u00c3\u00bcrg"],
        "ndjson": [
            '{"email": "jo@example.test", "firstName": "J\xfcrg"}',
            '{"email": "al@example.test", "firstName": "J\u00c3\u00bcrg"}',
        ],
    }
    path = tmp_path / f"people.{ending}"
    path.write_bytes("\n".join(lines[ending]).encode("latin-1"))
    result = run("import", str(path))
    assert "1 created, 1 refused" in result.output
    assert [(user.email, user.first_name) for user in db.session.query(User)] == [("al@example.test", "Jürg")]


def test_a_file_that_cannot_be_written_is_reported_in_one_line(run, tmp_path) -> None:
    result = run("export", str(tmp_path / "nowhere" / "people.csv"))
    assert (result.exit_code, result.output.count("\n")) == (1, 1) and "No such file" in result.output


def test_an_unavailable_database_is_reported_in_one_line(settings: Settings) -> None:
    unreachable = replace(settings, database_url="postgresql+psycopg2://nobody@127.0.0.1:1/none")
    result = build_app(unreachable, SERVICES["users"]).test_cli_runner().invoke(args=["users", "list"])
    assert result.exit_code == 1 and result.output.startswith("Error: The database is unavailable (")
    assert "flask doctor" in result.output and "Traceback" not in result.output
