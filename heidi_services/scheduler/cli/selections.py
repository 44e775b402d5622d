"""Commands for administrators: flask schedules pause|resume, for all schedules of a selection."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import click

from heidi_services.scheduler.actions import ACTIONS
from heidi_services.scheduler.cli.group import OPERATOR, commands
from heidi_services.scheduler.service.selections import switch_selection


def _selects(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a selection."""
    options = (
        click.option("--tag", help="Only schedules with this tag."),
        click.option("--search", "q", help="Only schedules whose name contains this text."),
        click.option("--action", type=click.Choice(list(ACTIONS)), help="Only schedules with this action."),
        click.option("--id", "ids", multiple=True, type=click.UUID, help="Only this schedule; repeatable."),
        click.option("--all", "is_all", is_flag=True, help="All schedules."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@commands.command("pause")
@_selects
def pause(**selection: Any) -> None:
    """Disable all schedules that fit the options."""
    click.echo(f"{_switch(enabled=False, **selection)} schedules are disabled now that were enabled.")


@commands.command("resume")
@_selects
def resume(**selection: Any) -> None:
    """Enable all schedules that fit the options. Their next runs are the next occurrences from now on."""
    click.echo(f"{_switch(enabled=True, **selection)} schedules are enabled now that were disabled.")


def _switch(*, enabled: bool, ids: tuple[UUID, ...], is_all: bool, **conditions: str | None) -> int:
    given = {name: value for name, value in conditions.items() if value is not None} | ({"ids": ids} if ids else {})
    if bool(given) == is_all:
        raise click.UsageError("Provide --tag, --search, --action or --id, or else --all.")
    return switch_selection(enabled=enabled, requested_by=OPERATOR, **given)  # type: ignore[arg-type]
