"""Commands for administrators: flask schedules runs list|cancel|retry"""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import click
from flask.cli import AppGroup

from heidi_common.cli.lists import report_cut
from heidi_common.database.session import db
from heidi_common.problems import NotFound, Problem
from heidi_common.schemas.fields import iso
from heidi_services.scheduler.actions import ACTIONS
from heidi_services.scheduler.cli.group import OPERATOR, commands
from heidi_services.scheduler.enums import RunStatus, Trigger
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service import queries
from heidi_services.scheduler.service.runs import run_control

runs = AppGroup("runs", help="List, cancel and repeat runs.")
commands.add_command(runs)

_run_ids = click.argument("run_ids", metavar="RUN_ID...", type=click.UUID, nargs=-1, required=True)


@runs.command("list")
@click.option("--schedule", "schedule_id", type=click.UUID, help="Only runs of this schedule.")
@click.option("--status", multiple=True, type=click.Choice([status.value for status in RunStatus]), help="Repeatable.")
@click.option("--trigger", type=click.Choice([trigger.value for trigger in Trigger]))
@click.option("--action", type=click.Choice(list(ACTIONS)))
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100))
def list_runs(
    schedule_id: UUID | None, status: tuple[str, ...], trigger: str | None, action: str | None, limit: int
) -> None:
    """List the runs of all schedules, latest slot first."""
    filters: dict[str, Any] = {"schedule_id": schedule_id, "status": list(status), "trigger": trigger, "action": action}
    page = queries.find_all_runs(owner=None, limit=limit, cursor=None, **filters)
    names: dict[UUID, str] = {}
    for run in page.items:
        if run.schedule_id not in names:
            names[run.schedule_id] = db.session.get_one(Schedule, run.schedule_id).name
        click.echo(_line(run, names[run.schedule_id]))
    report_cut(page.has_more, limit)


@runs.command("cancel")
@_run_ids
def cancel(run_ids: tuple[UUID, ...]) -> None:
    """Cancel runs that have not ended."""
    _for_each(run_ids, run_control.cancel_run, lambda run: "cancelled" if run.finished_at else "asked to end")


@runs.command("retry")
@_run_ids
def retry(run_ids: tuple[UUID, ...]) -> None:
    """Queue runs again that did not succeed."""
    _for_each(run_ids, run_control.retry_run, lambda run: f"queued again, for the {run.reruns}. time")


def _for_each(run_ids: Sequence[UUID], action: Callable[..., ScheduleRun], say: Callable[[ScheduleRun], str]) -> None:
    """Apply an action to each run, and report each result. The others are not affected by one that is rejected."""
    rejected = 0
    for run_id in run_ids:
        try:
            run = action(_schedule_of(run_id), run_id, requested_by=OPERATOR)
            click.echo(f"{run_id}: {say(run)}")
        except Problem as problem:
            rejected += 1
            click.echo(f"{run_id}: {problem}", err=True)
    if rejected:
        raise click.ClickException(f"{rejected} of {len(run_ids)} runs were not changed.")


def _schedule_of(run_id: UUID) -> UUID:
    run = db.session.get(ScheduleRun, run_id)
    if run is None:
        raise NotFound("Run not found.")
    return run.schedule_id


def _line(run: ScheduleRun, name: str) -> str:
    cells = (str(run.id), iso(run.scheduled_for), f"{run.trigger:8}", f"{run.status:9}", name, run.error or "")
    return "  ".join(cells).rstrip()
