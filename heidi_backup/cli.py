"""The `flask backup` commands. Every `flask` command loads this module, so it imports little."""

from __future__ import annotations

import logging
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from heidi_backup.storage import BackupStorage
    from heidi_common.config.sections.backup import BackupSettings

NAME = click.argument("name", required=False, envvar="BACKUP_NAME")
YES = click.option("--yes", is_flag=True, help="Do not ask.")


class _Job:
    """What each command needs: settings, storage and database of the environment."""

    settings: BackupSettings
    storage: BackupStorage
    dsn: str

    def __init__(self) -> None:
        from heidi_backup.storage import open_storage
        from heidi_common.config.declaration import read_one
        from heidi_common.config.sections.backup import BackupSettings
        from heidi_common.config.sections.processes import environment
        from heidi_common.config.sections.servers import Database
        from heidi_common.database.dsn import psycopg2_dsn

        env = environment()
        self.settings = BackupSettings.from_env(env)
        self.storage = open_storage(self.settings)
        url = read_one(Database, "database_direct_url", env) or read_one(Database, "database_url", env)
        self.dsn = psycopg2_dsn(url)


class _Commands(click.Group):
    """Reports expected errors in one line, and ends cleanly on SIGTERM."""

    def invoke(self, ctx: click.Context) -> Any:
        from heidi_backup.programs import BackupError
        from heidi_common.config.declaration import ConfigError

        signal.signal(signal.SIGTERM, _stop)
        try:
            return super().invoke(ctx)
        except (BackupError, ConfigError) as error:
            from heidi_common.startup.reports import is_for_people, report

            if is_for_people():
                raise click.ClickException(str(error)) from None
            report("backup", str(error), logging.ERROR)
            raise SystemExit(1) from None


def _stop(*_: object) -> NoReturn:
    """End the program through all `finally` blocks, which remove what is incomplete and end PostgreSQL's programs."""
    _report("Stopped; nothing incomplete was stored.")
    raise SystemExit(128 + signal.SIGTERM)


def _report(step: str) -> None:
    from heidi_common.startup.reports import is_for_people, report

    time = f"{datetime.now(UTC):%H:%M:%S} " if is_for_people() else ""
    report("backup", f"{time}{step}", logging.ERROR if step.startswith("ERROR ") else logging.INFO)


@click.group("backup", cls=_Commands)
def backup() -> None:
    """Back up the database and restore it. The settings are BACKUP_... in docs/configuration.md."""


@backup.command("create")
def create() -> None:
    """Create a backup now, and delete those that are older than BACKUP_KEEP_DAYS."""
    from heidi_backup import records, schedule
    from heidi_backup.programs import BackupError

    job = _Job()
    try:
        schedule.create_and_prune(job.dsn, job.settings, job.storage, _report)
    except BackupError:
        records.store(job.dsn, records.FAILED)
        raise
    if not job.settings.backup_recipients:
        _report("It is not encrypted: set BACKUP_RECIPIENTS (`flask backup key` creates a key).")


@backup.command("list")
def list_backups() -> None:
    """List the backups, the oldest first."""
    from heidi_backup import archive, creation

    storage = _Job().storage
    stored = sorted((*archive.backups(storage), *archive.backups(storage, archive.BASE)), key=lambda item: item.name)
    for item in stored:
        manifest = archive.read_manifest(storage, item)
        about = f"migration {manifest.revision}, {sum(manifest.rows.values()):,} rows" if manifest else "no manifest"
        about = "for recovery to a time" if item.kind == archive.BASE else about
        click.echo(f"{item.created_at:%Y-%m-%d %H:%M:%S}  {creation.size_text(item.size):>10}  {item.file}  {about}")
    if not stored:
        click.echo("There is no backup. `flask backup create` creates one.", err=True)


@backup.command("verify")
@NAME
def verify(name: str | None) -> None:
    """Restore a backup (default: the newest) into a scratch database, and compare the numbers of rows."""
    from heidi_backup import archive, records, verification

    job = _Job()
    chosen = archive.select(job.storage, name)
    verification.verify(job.dsn, chosen, job.settings.backup_identity, job.storage, _report)
    records.store(job.dsn, records.VERIFIED)
    _report(f"Verified {chosen.file}")


@backup.command("restore")
@NAME
@click.option("--disconnect", is_flag=True, help="End the sessions of processes that use the database.")
@YES
def restore(name: str | None, disconnect: bool, yes: bool) -> None:
    """Restore a backup (default: the newest). A database with tables is kept under another name."""
    from heidi_backup import archive, restoration

    job = _Job()
    chosen = archive.select(job.storage, name)
    if not yes and not restoration.is_empty(job.dsn):
        click.confirm(
            f"Replace the database by {chosen.file} of {chosen.created_at:%Y-%m-%d %H:%M:%S} UTC?", abort=True
        )
    identity = job.settings.backup_identity
    previous = restoration.restore(job.dsn, chosen, identity, job.storage, _report, disconnect=disconnect)
    _report(f"Restored {chosen.file}. Run `flask prepare` if this version has newer migrations")
    if previous:
        _report(f"The previous database is kept as {previous}. Drop it when it is no longer needed.")


@backup.command("run")
def run() -> None:
    """Create, prune and verify backups every BACKUP_HOURS, until SIGTERM."""
    from heidi_backup import schedule

    job = _Job()
    schedule.run_forever(job.dsn, job.settings, job.storage, _report)


@backup.command("base")
def base() -> None:
    """Copy the files of the server, for `recover`."""
    from heidi_backup import point_in_time

    job = _Job()
    point_in_time.create_base(job.dsn, job.settings, job.storage, _report)


@backup.command("recover")
@click.option("--until", required=True, help="The time, such as 2026-11-28T10:00:00Z.")
@click.option("--folder", required=True, type=click.Path(path_type=Path), help="An empty data folder of PostgreSQL.")
@click.option("--wal-folder", help="BACKUP_WAL_FOLDER as the server sees it, if that differs.")
def recover(until: str, folder: Path, wal_folder: str | None) -> None:
    """Prepare a data folder from a base backup. PostgreSQL recovers to the time when it is started there."""
    from heidi_backup import point_in_time

    try:
        target = datetime.fromisoformat(until)
    except ValueError:
        raise click.BadParameter(
            f"{until!r} is not a time such as 2026-11-28T10:00:00Z", param_hint="--until"
        ) from None
    if target.tzinfo is None:
        raise click.BadParameter("needs a time zone, such as Z or +01:00", param_hint="--until")
    job = _Job()
    used = point_in_time.recover(folder, target, job.settings, job.storage, _report, wal_folder=wal_folder)
    _report(f"{folder} is ready: start PostgreSQL there, and it recovers from {used.file} to {target.isoformat()}")


@backup.command("key")
def key() -> None:
    """Create a key pair of age: store the secret key away from the backups."""
    from heidi_backup import encryption

    identity, recipient = encryption.new_identity()
    click.echo(f"BACKUP_RECIPIENTS={recipient}\nBACKUP_IDENTITY={identity}")
