"""Commands for administrators: flask schedules list|show|run|enable|disable|preview|recompute"""

from typing import Any
from uuid import UUID

import click
import orjson

from heidi_common.cli.lists import report_cut
from heidi_common.schemas.fields import iso
from heidi_services.scheduler.cli.group import OPERATOR, commands
from heidi_services.scheduler.models import Schedule
from heidi_services.scheduler.schemas.previews import CronPreviewOut
from heidi_services.scheduler.schemas.runs import RunOut
from heidi_services.scheduler.schemas.schedules import ScheduleOut
from heidi_services.scheduler.service import queries, schedules
from heidi_services.scheduler.service.preview import preview_cron, preview_schedule
from heidi_services.scheduler.service.recomputation import recompute_next_runs
from heidi_services.scheduler.service.runs import manual_runs


@commands.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100))
def list_schedules(limit: int) -> None:
    """List schedules by name."""
    page = queries.find_schedules(sort="name", limit=limit, cursor=None)
    for schedule in page.items:
        click.echo(_line(schedule))
    report_cut(page.has_more, limit)


@commands.command("show")
@click.argument("schedule_id", type=click.UUID)
def show(schedule_id: UUID) -> None:
    """Show a schedule, its next occurrences and its last runs."""
    schedule = queries.get_schedule(schedule_id)
    _print(ScheduleOut().dump(schedule))
    _print(CronPreviewOut().dump(preview_schedule(schedule_id, 5)))
    for run in queries.find_runs(schedule_id, limit=10, cursor=None).items:
        click.echo(f"{iso(run.scheduled_for)}  {run.trigger:8}  {run.status:9}  {run.error or ''}".rstrip())


@commands.command("run")
@click.argument("schedule_id", type=click.UUID)
@click.option("--wait", default=0.0, help="Wait up to this many seconds for the run to end.")
def run(schedule_id: UUID, wait: float) -> None:
    """Run a schedule now."""
    run = manual_runs.run_now(schedule_id, requested_by=OPERATOR)
    _print(RunOut().dump(manual_runs.wait_for_run(schedule_id, run.id, wait)))


@commands.command("enable")
@click.argument("schedule_id", type=click.UUID)
def enable(schedule_id: UUID) -> None:
    """Enable a schedule. Its next run is the next occurrence from now on."""
    click.echo(_line(schedules.enable_schedule(schedule_id, requested_by=OPERATOR)))


@commands.command("disable")
@click.argument("schedule_id", type=click.UUID)
def disable(schedule_id: UUID) -> None:
    """Disable a schedule."""
    click.echo(_line(schedules.disable_schedule(schedule_id, requested_by=OPERATOR)))


@commands.command("preview")
@click.argument("cron_expression")
@click.option("--timezone", default="UTC", show_default=True)
@click.option("--count", default=5, show_default=True, type=click.IntRange(1, 100))
def preview(cron_expression: str, timezone: str, count: int) -> None:
    """Describe a cron expression in English and show its next occurrences."""
    result = preview_cron(cron_expression, timezone, count, None)
    click.echo("\n".join([result.description, *result.times, *result.notes]))


@commands.command("recompute")
def recompute() -> None:
    """Compute the next runs of all enabled schedules again, after the clock of a machine was wrong.

    Records of slots in the future that did not run are removed. What is due stays due, and no slot runs twice.
    """
    result = recompute_next_runs()
    click.echo(
        f"{result.schedules} enabled schedules: {result.changed} next runs changed, "
        f"{result.removed} records of future slots removed."
    )
    for schedule_id in result.uncomputable:
        click.echo(f"{schedule_id}: its expression or time zone is not valid any more; change or disable it.", err=True)


def _line(schedule: Schedule) -> str:
    next_run = iso(schedule.next_run) if schedule.next_run else "never"
    state = "on " if schedule.is_enabled else "off"
    timing = f"[{schedule.cron_expression} {schedule.timezone}]"
    return f"{schedule.id}  {state}  {schedule.name}  {timing}  next {next_run}"


def _print(value: Any) -> None:
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
