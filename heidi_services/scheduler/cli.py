"""flask schedules list|show|run|enable|disable|preview"""

from typing import Any
from uuid import UUID

import click
import orjson
from flask.cli import AppGroup

from heidi_common.problems import Problem
from heidi_common.schemas.fields import iso
from heidi_services.scheduler import schemas, service
from heidi_services.scheduler.models import Schedule

schedules = AppGroup("schedules", help="Look at schedules, run them, switch them on and off.")
groups = (schedules,)

OPERATOR = UUID(int=0)
"""Who acts in the audit trail when somebody works at the terminal."""


@schedules.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100))
def list_schedules(limit: int) -> None:
    """All schedules, by name."""
    found = service.find(sort="name", limit=limit, cursor=None)
    for schedule in found.items:
        click.echo(_line(schedule))
    if found.next_cursor:
        click.echo(f"... only the first {limit} are shown")


@schedules.command("show")
@click.argument("schedule_id", type=click.UUID)
def show(schedule_id: UUID) -> None:
    """One schedule, what comes next, and its last runs."""
    schedule = _try(service.get, schedule_id)
    _print(schemas.ScheduleOut().dump(schedule))
    _print(schemas.PreviewOut().dump(_try(service.upcoming, schedule_id, 5)))
    for run in service.find_runs(schedule_id, limit=10, cursor=None).items:
        click.echo(f"{iso(run.scheduled_for)}  {run.trigger:8}  {run.status:9}  {run.error or ''}".rstrip())


@schedules.command("run")
@click.argument("schedule_id", type=click.UUID)
@click.option("--wait", default=0.0, help="Wait so many seconds for its end.")
def run(schedule_id: UUID, wait: float) -> None:
    """Run a schedule now."""
    made = _try(service.run_now, schedule_id, by=OPERATOR)
    _print(schemas.RunOut().dump(service.wait_for(schedule_id, made.id, wait)))


@schedules.command("enable")
@click.argument("schedule_id", type=click.UUID)
def enable(schedule_id: UUID) -> None:
    """Switch a schedule on, from now."""
    click.echo(_line(_try(service.enable, schedule_id, by=OPERATOR)))


@schedules.command("disable")
@click.argument("schedule_id", type=click.UUID)
def disable(schedule_id: UUID) -> None:
    """Switch a schedule off."""
    click.echo(_line(_try(service.disable, schedule_id, by=OPERATOR)))


@schedules.command("preview")
@click.argument("cron_expression")
@click.option("--timezone", default="UTC", show_default=True)
@click.option("--count", default=5, show_default=True, type=click.IntRange(1, 100))
def preview(cron_expression: str, timezone: str, count: int) -> None:
    """When an expression comes, in words and times."""
    found = _try(service.preview, cron_expression, timezone, count, None)
    click.echo("\n".join([found.description, *found.times, *found.notes]))


def _line(schedule: Schedule) -> str:
    comes = iso(schedule.next_run) if schedule.next_run else "never"
    state = "on " if schedule.is_enabled else "off"
    return f"{schedule.id}  {state}  {schedule.name}  [{schedule.cron_expression} {schedule.timezone}]  next {comes}"


def _print(value: Any) -> None:
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def _try(deed: Any, *args: Any, **values: Any) -> Any:
    """A refusal is one line, not a stack."""
    try:
        return deed(*args, **values)
    except Problem as problem:
        raise click.ClickException(str(problem)) from None
