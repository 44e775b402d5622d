"""Recovery to a moment between two writes, with the WAL that the server has archived."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from heidi_backup import cli, point_in_time
from heidi_common.database.dsn import psycopg2_dsn
from heidi_standalone.servers import service_user
from heidi_standalone.servers.postgres import Postgres
from tests.backup.conftest import SCHEMA, execute
from tests.polling import until


def give_to_server(folder: Path) -> None:
    """The server runs as another user if root starts it."""
    if service_user.user():
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, service_user.user())


@pytest.fixture
def archiving(tmp_path: Path) -> Iterator[Postgres]:
    """A server that archives its WAL."""
    tmp_path.chmod(0o755)
    wal = tmp_path / "wal"
    wal.mkdir()
    server = Postgres(tmp_path / "pg", durable=False)
    server.prepare()
    give_to_server(wal)
    with (tmp_path / "pg" / "postgresql.auto.conf").open("a") as file:
        command = point_in_time.ARCHIVE_COMMAND.format(folder=wal)
        file.write(f"archive_mode = on\narchive_command = '{command}'\n")
    server.start()
    yield server
    server.stop()


def current_time(dsn: str) -> datetime:
    ((moment,),) = execute(dsn, "SELECT clock_timestamp()")
    assert isinstance(moment, datetime)
    return moment


def write_and_archive(dsn: str, value: int) -> datetime:
    """Insert a row, and have the WAL with it archived. Returns a moment after the commit."""
    execute(dsn, f'INSERT INTO "Kept" VALUES ({value})')
    moment = current_time(dsn)
    ((segment,),) = execute(dsn, "SELECT pg_walfile_name(pg_switch_wal())")
    until(lambda: execute(dsn, "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver")[0][0] >= segment)
    return moment


@pytest.mark.parametrize("kept", [1, 2])
def test_writes_until_the_moment_are_recovered(archiving: Postgres, tmp_path: Path, kept: int) -> None:
    dsn = psycopg2_dsn(archiving.url)
    execute(dsn, SCHEMA)
    env = {
        "DATABASE_URL": archiving.url,
        "BACKUP_URL": f"file://{tmp_path}/backups",
        "BACKUP_WAL_FOLDER": f"{tmp_path}/wal",
    }
    runner = CliRunner(env=env)
    too_early = runner.invoke(cli.backup, ["recover", "--until", "2020-01-01T00:00Z", "--folder", f"{tmp_path}/x"])
    assert "no base backup from before" in too_early.output
    base = runner.invoke(cli.backup, ["base"])
    assert base.exit_code == 0, base.output
    moments = [write_and_archive(dsn, 1001), write_and_archive(dsn, 1002)]
    write_and_archive(dsn, 1003)

    arguments = ["recover", "--until", moments[kept - 1].isoformat(), "--folder", f"{tmp_path}/recovered"]
    recovered = runner.invoke(cli.backup, arguments)
    assert recovered.exit_code == 0, recovered.output
    again = runner.invoke(cli.backup, arguments)
    assert "is not empty" in again.output
    give_to_server(tmp_path / "recovered")
    server = Postgres(tmp_path / "recovered", durable=False)
    server.start()
    try:
        dsn = psycopg2_dsn(server.url)
        until(lambda: execute(dsn, "SELECT pg_is_in_recovery()") == [(False,)])
        rows = execute(dsn, 'SELECT id FROM "Kept" WHERE id > 1000 ORDER BY 1')
        assert rows == [(1001,), (1002,)][:kept]
    finally:
        server.stop()


@pytest.mark.parametrize("until_text", ["yesterday", "2026-11-28T10:00:00"])
def test_a_moment_needs_a_time_zone(until_text: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.backup, ["recover", "--until", until_text, "--folder", str(tmp_path)])
    assert (result.exit_code, "--until" in result.output) == (2, True)


def test_wal_that_no_base_backup_needs_is_deleted(archiving: Postgres, tmp_path: Path) -> None:
    dsn = psycopg2_dsn(archiving.url)
    execute(dsn, SCHEMA)
    write_and_archive(dsn, 1001)
    write_and_archive(dsn, 1002)
    before = set((tmp_path / "wal").iterdir())
    env = {"DATABASE_URL": archiving.url, "BACKUP_URL": f"file://{tmp_path}/b", "BACKUP_WAL_FOLDER": f"{tmp_path}/wal"}
    result = CliRunner(env=env).invoke(cli.backup, ["base"])
    assert result.exit_code == 0, result.output
    assert len(before) >= 2 and not before & set((tmp_path / "wal").iterdir())
