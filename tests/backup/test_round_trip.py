"""What was backed up is what is restored, from a folder and from S3."""

from __future__ import annotations

import re
from pathlib import Path

import boto3
import psycopg2
import pytest

from heidi_backup import databases
from tests.backup.conftest import Run, execute, stored
from tests.files.conftest import s3_endpoint  # noqa: F401  a fixture

ROWS = 'SELECT count(*), sum(id), max(note) FROM "Kept"'


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, environment: dict[str, str]) -> str:
    if request.param == "s3":
        endpoint = request.getfixturevalue("s3_endpoint")
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "y"}
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)
        bucket = f"backups-{environment['DATABASE_URL'].partition('backup_')[2][:20]}"
        client.create_bucket(Bucket=bucket)
        environment |= {
            "BACKUP_URL": f"s3://{bucket}?endpoint={endpoint}&prefix=db/",
            "BACKUP_ACCESS_KEY_ID": "x",
            "BACKUP_SECRET_ACCESS_KEY": "y",
        }
    return str(request.param)


def test_an_encrypted_backup_is_listed_verified_and_restored(storage: str, dsn: str, run: Run) -> None:
    created = run("create")
    assert created.exit_code == 0, created.output
    (name,) = re.findall(r"Created (heidi-\d{8}T\d{6}Z\.dump\.age)", created.output)
    assert "3 of 3 tables dumped" in created.output
    assert re.search(rf"{name}  migration 0043, 50\d rows", run("list").output)
    verified = run("verify")
    assert verified.exit_code == 0, verified.output
    assert "3 tables with 50" in verified.output

    before = execute(dsn, ROWS)
    execute(dsn, 'DELETE FROM "Kept" WHERE id > 10; CREATE TABLE later (id int)')
    restored = run("restore", "--yes")
    assert restored.exit_code == 0, restored.output
    assert execute(dsn, ROWS) == before
    assert execute(dsn, "SELECT to_regclass('later')") == [(None,)]
    (previous,) = re.findall(r"kept as (\w+)\.", restored.output)
    assert execute(databases.with_database(dsn, previous), ROWS) == [(10, 55, "note 9")]


def test_an_unencrypted_backup_says_so(dsn: str, run: Run, environment: dict[str, str]) -> None:
    created = run("create", BACKUP_RECIPIENTS="")
    assert created.exit_code == 0
    assert "BACKUP_RECIPIENTS" in created.output
    assert [name.partition(".")[2] for name in stored(environment)] == ["dump", "json"]
    folder = Path(environment["BACKUP_URL"].removeprefix("file://"))
    assert [path.stat().st_mode & 0o077 for path in (folder, *folder.iterdir())] == [0, 0, 0]
    assert run("verify", BACKUP_RECIPIENTS="", BACKUP_IDENTITY="").exit_code == 0


def test_an_empty_database_is_filled(dsn: str, run: Run) -> None:
    run("create")
    before = execute(dsn, ROWS)
    execute(dsn, 'DROP TABLE "Kept", platform_states, alembic_version')
    restored = run("restore")
    assert restored.exit_code == 0, restored.output
    assert execute(dsn, ROWS) == before


def test_results_are_recorded_for_the_alerts(dsn: str, run: Run) -> None:
    run("create")
    run("verify")
    run("create", BACKUP_RECIPIENTS="nonsense")
    assert execute(dsn, "SELECT subject FROM platform_states WHERE name = 'backup' ORDER BY 1") == [
        ("created",),
        ("failed",),
        ("verified",),
    ]


def test_without_backups_the_commands_say_so(dsn: str, run: Run) -> None:
    assert "There is no backup" in run("list").output
    for command in ("verify", "restore"):
        result = run(command, "heidi-20260101T000000Z")
        assert (result.exit_code, "There is no backup heidi-20260101T000000Z" in result.output) == (1, True)


def test_a_database_in_use_is_not_replaced_unless_its_sessions_are_ended(dsn: str, run: Run) -> None:
    run("create")
    session = psycopg2.connect(dsn, application_name="heidi-worker")
    refused = run("restore", "--yes")
    assert refused.exit_code == 1
    assert "in use by heidi-worker (1)" in refused.output
    restored = run("restore", "--yes", "--disconnect")
    assert restored.exit_code == 0, restored.output
    session.close()
    (previous,) = re.findall(r"kept as (\w+)\.", restored.output)
    assert execute(databases.with_database(dsn, previous), ROWS) == execute(dsn, ROWS)
