"""`flask events list | dead`: list the event log; list, show, replay and discard dead letters."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import click
from flask.cli import AppGroup

from heidi_common.cli.lists import report_cut
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.problems import NotFound
from heidi_common.schemas.fields import iso
from heidi_services.core.cli.group import events, limit_option
from heidi_services.core.service import dead_letters, event_log

dead = AppGroup("dead", help="Events that a subscriber could not handle in ten attempts.")
events.add_command(dead)

_consumer = click.option("--consumer", help="Only this subscriber. Default: all that failed to handle the event.")
_event_id = click.argument("event_id", type=click.UUID)


@events.command("list")
@click.option("--type", "type_", help="An event type (user.created) or a pattern (user.*).")
@click.option("--subject")
@click.option("--since", type=click.DateTime(), help="Only events from this time (UTC) on.")
@limit_option
def list_events(type_: str | None, subject: str | None, since: datetime | None, limit: int) -> None:
    """List events, newest first."""
    since_utc = since.replace(tzinfo=UTC) if since else None
    page = event_log.find(limit=limit, type=type_, subject=subject, since=since_utc)
    for event in page.items:
        click.echo(_line(event))
    report_cut(page.has_more, limit)


@dead.command("list")
@limit_option
def list_dead_letters(limit: int) -> None:
    """List dead letters, one line for each event and subscriber."""
    page = dead_letters.find(limit=limit)
    for dead_letter in page.items:
        for failure in dead_letter.failures:
            click.echo(f"{_line(dead_letter.event)}  {failure.consumer}  {failure.attempts} attempts")
    report_cut(page.has_more, limit)


@dead.command("show")
@_event_id
def show_dead_letter(event_id: UUID) -> None:
    """Show an event and the last error of each subscriber."""
    dead_letter = _dead_letter(event_id)
    click.echo(_line(dead_letter.event))
    click.echo(f"data: {dead_letter.event.data}")
    for failure in dead_letter.failures:
        click.echo(f"{failure.consumer}: {failure.attempts} attempts, {failure.last_error}")


@dead.command("replay")
@_event_id
@_consumer
def replay_dead_letter(event_id: UUID, consumer: str | None) -> None:
    """Let the subscribers handle the event again."""
    _dead_letter(event_id)
    click.echo(f"{dead_letters.replay(event_id, consumer)} scheduled for replay")


@dead.command("discard")
@_event_id
@_consumer
def discard_dead_letter(event_id: UUID, consumer: str | None) -> None:
    """Discard the event: no subscriber handles it any more."""
    _dead_letter(event_id)
    click.echo(f"{dead_letters.discard(event_id, consumer)} discarded")


def _dead_letter(event_id: UUID) -> dead_letters.DeadLetter:
    try:
        return dead_letters.get(event_id)
    except NotFound as error:
        raise click.ClickException(str(error)) from None


def _line(event: OutboxEvent) -> str:
    return f"{event.id}  {iso(event.created_at)}  {event.type}  {event.subject}"
