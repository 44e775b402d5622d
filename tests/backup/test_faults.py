"""A backup that would be empty, incomplete, damaged or unreadable is not taken for a good one."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from heidi_backup import archive, databases, encryption, programs
from heidi_backup.programs import BackupError
from heidi_backup.storage import FolderOfBackups
from tests.backup.conftest import SCHEMA, Run, execute, stored
from tests.polling import until

Start = Callable[..., "subprocess.Popen[str]"]


def read_until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"{text!r} was not printed")


def test_a_backup_waits_for_the_first_migration(empty_dsn: str, start: Start, environment: dict[str, str]) -> None:
    process = start("create")
    read_until(process, "Waiting for the database and its schema")
    execute(empty_dsn, SCHEMA)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert len(stored(environment)) == 2


def test_a_backup_waits_for_a_migration(dsn: str, start: Start) -> None:
    with databases.connected(dsn) as migration:
        databases.query(migration, "SELECT pg_advisory_lock(%s)", databases.MIGRATION_LOCK)
        process = start("create")
        read_until(process, "Waiting for a migration to finish")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output


def test_sigterm_leaves_nothing_behind(dsn: str, start: Start, environment: dict[str, str]) -> None:
    blocker = psycopg2.connect(dsn)
    blocker.cursor().execute('LOCK TABLE "Kept" IN ACCESS EXCLUSIVE MODE')
    process = start("run")
    dumps = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pg_dump'"
    until(lambda: execute(dsn, dumps) == [(1,)])
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    blocker.close()
    assert process.returncode == 143, output
    assert "Stopped" in output
    until(lambda: execute(dsn, dumps) == [(0,)])
    assert stored(environment) == []


def change_stored(environment: dict[str, str], suffix: str, change: Callable[[bytes], bytes]) -> None:
    folder = Path(environment["BACKUP_URL"].removeprefix("file://"))
    (path,) = folder.glob(f"*{suffix}")
    path.write_bytes(change(path.read_bytes()))


def test_a_damaged_backup_is_not_verified(dsn: str, run: Run, environment: dict[str, str]) -> None:
    run("create")
    change_stored(environment, ".age", lambda content: content[:-1] + bytes([content[-1] ^ 1]))
    result = run("verify")
    assert (result.exit_code, "is damaged" in result.output) == (1, True)


def test_missing_rows_are_noticed(dsn: str, run: Run, environment: dict[str, str]) -> None:
    run("create")

    def add_row(content: bytes) -> bytes:
        manifest = json.loads(content)
        manifest["rows"]["Kept"] += 1
        return json.dumps(manifest).encode()

    change_stored(environment, ".json", add_row)
    result = run("verify")
    assert (result.exit_code, "Kept: 501 dumped, 500 restored" in result.output) == (1, True)
    refused = run("restore", "--yes")
    assert refused.exit_code == 1
    assert execute(dsn, 'SELECT count(*) FROM "Kept"') == [(500,)]
    name = databases.database_name(dsn)
    assert execute(dsn, f"SELECT count(*) FROM pg_database WHERE datname LIKE '{name}%'") == [(1,)]


@pytest.mark.parametrize(
    ("identity", "message"),
    [("", "Set BACKUP_IDENTITY"), ("nonsense", "not a secret key of age"), ("another", "cannot be decrypted")],
)
def test_an_identity_that_does_not_fit_is_named(dsn: str, run: Run, identity: str, message: str) -> None:
    run("create")
    result = run("verify", BACKUP_IDENTITY=encryption.new_identity()[0] if identity == "another" else identity)
    assert (result.exit_code, message in result.output) == (1, True)


@pytest.mark.parametrize("recipient", ["nonsense", "age1nonsense", "AGE-SECRET-KEY-1QQQ"])
def test_an_invalid_recipient_is_rejected_before_anything_is_dumped(dsn: str, run: Run, recipient: str) -> None:
    result = run("create", BACKUP_RECIPIENTS=recipient)
    assert (result.exit_code, "BACKUP_RECIPIENTS" in result.output) == (1, True)
    assert "QQQ" not in result.output
    assert "dumped" not in result.output


def test_an_unavailable_database_or_bucket_is_one_line(run: Run) -> None:
    down = run("verify", DATABASE_URL="postgresql://x@127.0.0.1:1/x")
    bucket = run("list", BACKUP_URL="s3://b?endpoint=http://127.0.0.1:1", BACKUP_ACCESS_KEY_ID="x")
    wrong = run("list", BACKUP_URL="s3://b/path")
    assert [item.exit_code for item in (down, bucket, wrong)] == [1, 1, 1]
    assert "BACKUP_URL" in bucket.output and "BACKUP_URL: must be" in wrong.output


def test_programs_that_do_not_fit_the_server_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_candidates", lambda _name: iter(["15", "18"]))
    monkeypatch.setattr(programs, "_major", int)
    assert programs.find_program("pg_dump", 16) == "18"
    assert programs.find_program("pg_dump", 15) == "15"
    assert programs.find_program("pg_restore", 18, restores=True) == "18"
    for server, restores in ((19, False), (16, True)):
        with pytest.raises(BackupError, match=f"postgresql-client-{server}"):
            programs.find_program("pg_restore", server, restores=restores)


def test_old_backups_are_deleted_but_never_the_newest(dsn: str, run: Run, environment: dict[str, str]) -> None:
    folder = Path(environment["BACKUP_URL"].removeprefix("file://"))
    folder.mkdir()
    for name in ("heidi-20200101T000000Z.dump", "heidi-20200101T000000Z.json", "another-file.txt"):
        (folder / name).touch()
    result = run("create")
    assert "Deleted heidi-20200101T000000Z.dump" in result.output
    assert [name for name in stored(environment) if "2020" in name] == []
    assert "another-file.txt" in stored(environment)
    (newest,) = (name for name in stored(environment) if name.endswith(".age"))
    (folder / newest).rename(folder / "heidi-20200102T000000Z.dump.age")
    assert list(archive.prune(FolderOfBackups(folder), timedelta(days=1), datetime.now(UTC))) == []
