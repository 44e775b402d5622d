"""Admin commands: `flask files ...`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

import click
from flask.cli import AppGroup
from sqlalchemy import func, select

from heidi_common.cli.lists import first
from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_services.files.enums import JobStatus
from heidi_services.files.models import File, FileJob, StoredObject

if TYPE_CHECKING:
    from heidi_common.cli.doctor_checks import Check

group = AppGroup("files")
groups = (group,)


def doctor_checks(settings: Settings) -> Iterator[Check]:
    """What `flask doctor` checks. The commands need not wait for its imports."""
    from heidi_services.files.cli.checks import checks

    return checks(settings)


@group.command("list")
@click.option("--user-id", type=click.UUID)
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1))
def list_command(user_id: UUID | None, limit: int) -> None:
    """List files, newest first."""
    statement = select(File).order_by(File.created_at.desc()).limit(limit + 1)
    if user_id:
        statement = statement.where(File.user_id == user_id)
    for row in first(db.session.scalars(statement), limit):
        click.echo(f"{row.id}  {row.object.file_status:11}  {row.object.bytes:12}  {row.user_id}  {row.name}")


@group.command("status")
def status_command() -> None:
    """Show the objects in storage by status, and the scans and renditions that wait or have failed."""
    statement = select(StoredObject.status, func.count(), func.sum(StoredObject.bytes)).group_by(StoredObject.status)
    for status, number, size in db.session.execute(statement.order_by(StoredObject.status)):
        click.echo(f"{status:9}  {number} objects, {size} bytes")
    waiting = select(FileJob).where(FileJob.status != JobStatus.DONE).order_by(FileJob.next_attempt_at).limit(101)
    for job in first(db.session.scalars(waiting), 100):
        click.echo(f"{job.id}  {job.status:7}  attempt {job.attempts}  {job.last_error or ''}".rstrip())
