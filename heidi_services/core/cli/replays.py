"""`flask events replay | replays`: replay past events to a subscriber or an endpoint, and watch and cancel replays."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import click
from flask.cli import AppGroup

from heidi_common.cli.lists import report_cut
from heidi_common.cli.times import TIME, in_utc
from heidi_common.database.session import db
from heidi_common.schemas.fields import iso
from heidi_services.core.cli.group import events, limit_option
from heidi_services.core.models import EventReplay, ReplayStatus
from heidi_services.core.service import event_replays

POLL_SECONDS = 0.5

replays = AppGroup("replays", help="List, show and cancel replays.")
events.add_command(replays)

_replay_id = click.argument("replay_id", type=click.UUID)


@events.command("replay")
@click.option("--subscriber", help="The subscriber that handles the events again; see docs/guide.md.")
@click.option("--integration", "integration_id", type=click.UUID, help="The integration whose endpoint gets them.")
@click.option("--type", "types", multiple=True, help="An event type or pattern; repeatable. Default: all.")
@click.option("--from", "start", type=TIME, required=True, help="Such as 2026-05-04T10:00; in UTC without an offset.")
@click.option("--to", "end", type=TIME, help="Events before this time. Default: now.")
@click.option("--wait/--no-wait", default=True, help="Show the progress until the replay has ended (default).")
def replay(
    subscriber: str | None,
    integration_id: UUID | None,
    types: Sequence[str],
    start: datetime,
    end: datetime | None,
    wait: bool,
) -> None:
    """Replay past events to one subscriber or to the endpoint of one integration."""
    if (subscriber is None) == (integration_id is None):
        raise click.UsageError("Provide either --subscriber or --integration.")
    created = event_replays.create(
        subscriber=subscriber,
        integration_id=integration_id,
        types=types or ("*",),
        start=in_utc(start),
        end=in_utc(end) if end else None,
        requested_by=None,
    )
    click.echo(f"Replay {created.id} is waiting for a worker.")
    if wait:
        _follow(created.id)


def _follow(replay_id: UUID) -> None:
    """Print the progress each time it changes. An interruption leaves the replay running."""
    shown = None
    try:
        while True:
            row = event_replays.get(replay_id)
            if (progress := _progress(row)) != shown:
                click.echo(progress)
            shown = progress
            if row.status != ReplayStatus.PENDING:
                break
            db.session.rollback()  # hold no connection while waiting
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        click.echo(f"The replay continues. `flask events replays cancel {replay_id}` stops it.", err=True)
        return
    if row.status == ReplayStatus.FAILED:
        raise click.ClickException(row.error or "The replay has failed.")


@replays.command("list")
@click.option("--status", type=click.Choice([status.value for status in ReplayStatus]))
@limit_option
def list_replays(status: str | None, limit: int) -> None:
    """List replays, newest first."""
    page = event_replays.find(limit=limit, status=status)
    for row in page.items:
        click.echo(f"{row.id}  {iso(row.created_at)}  {_receiver(row)}  {','.join(row.types)}  {_progress(row)}")
    report_cut(page.has_more, limit)


@replays.command("show")
@_replay_id
def show_replay(replay_id: UUID) -> None:
    """Show a replay and its progress."""
    row = event_replays.get(replay_id)
    click.echo(f"{_receiver(row)}: {', '.join(row.types)} from {iso(row.start_at)} to {iso(row.end_at)}")
    click.echo(_progress(row) + (f": {row.error}" if row.error else ""))


@replays.command("cancel")
@_replay_id
def cancel_replay(replay_id: UUID) -> None:
    """Cancel a replay. Events whose handling has not begun are withdrawn."""
    row = event_replays.cancel(replay_id, requested_by=None)
    ended = row.status != ReplayStatus.PENDING
    click.echo(
        "The replay is cancelled."
        if ended
        else "The replay ends when the events in flight have been withdrawn or handled."
    )


def _receiver(row: EventReplay) -> str:
    return f"subscriber {row.subscriber}" if row.subscriber else f"integration {row.integration_id}"


def _progress(row: EventReplay) -> str:
    total = "?" if row.total is None else row.total
    parts = f"{row.handled} handled, {row.failed} failed, {row.skipped} skipped, {len(row.in_flight)} in flight"
    return f"{row.status}  {row.replayed + row.skipped} of {total} events: {parts}"
