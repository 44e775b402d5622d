"""`flask events`: the log of facts, and those that a subscriber could not digest."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import click
from flask.cli import AppGroup

from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.problems import NotFound
from heidi_common.schemas.fields import iso
from heidi_services.core.service import dead_letters, event_log

events = AppGroup("events", help="The log of facts.")
dead = AppGroup("dead", help="Facts that a subscriber could not digest.")
events.add_command(dead)
groups = (events,)

_limit = click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100))
_consumer = click.option("--consumer", help="Only this subscriber; without it, all that gave up.")
_event_id = click.argument("event_id", type=click.UUID)


@events.command("list")
@click.option("--type", "type_", help="user.created, or a pattern such as user.*")
@click.option("--subject")
@click.option("--since", type=click.DateTime(), help="In UTC.")
@_limit
def list_events(type_: str | None, subject: str | None, since: datetime | None, limit: int) -> None:
    """The newest facts first."""
    after = since.replace(tzinfo=UTC) if since else None
    for event in event_log.find(limit=limit, type=type_, subject=subject, since=after).items:
        click.echo(_line(event))


@dead.command("list")
@_limit
def list_dead(limit: int) -> None:
    """One line for each fact and each subscriber that gave up on it."""
    for found in dead_letters.find(limit=limit).items:
        for failure in found.failures:
            click.echo(f"{_line(found.event)}  {failure.consumer}  {failure.attempts} attempts")


@dead.command("show")
@_event_id
def show_dead(event_id: UUID) -> None:
    """The fact, and why each subscriber gave up on it."""
    found = _found(event_id)
    click.echo(_line(found.event))
    click.echo(f"data: {found.event.data}")
    for failure in found.failures:
        click.echo(f"{failure.consumer}: {failure.attempts} attempts, {failure.last_error}")


@dead.command("replay")
@_event_id
@_consumer
def replay_dead(event_id: UUID, consumer: str | None) -> None:
    """Let its subscribers try again."""
    _found(event_id)
    click.echo(f"{dead_letters.replay(event_id, consumer)} to try again")


@dead.command("discard")
@_event_id
@_consumer
def discard_dead(event_id: UUID, consumer: str | None) -> None:
    """Give it up for good."""
    _found(event_id)
    click.echo(f"{dead_letters.discard(event_id, consumer)} discarded")


def _found(event_id: UUID) -> dead_letters.DeadEvent:
    try:
        return dead_letters.get(event_id)
    except NotFound as error:
        raise click.ClickException(str(error)) from None


def _line(event: OutboxEvent) -> str:
    return f"{event.id}  {iso(event.created_at)}  {event.type}  {event.subject}"
