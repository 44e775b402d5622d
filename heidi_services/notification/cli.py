"""flask notifications: what an operator asks and does at a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

import click
from flask.cli import AppGroup
from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.problems import Problem
from heidi_common.schemas.fields import iso
from heidi_services.notification.enums import Channel, Status
from heidi_services.notification.models import Notification, Template
from heidi_services.notification.service import notifications as inbox
from heidi_services.notification.service import retry
from heidi_services.notification.service import template_resolver as compose

notifications = AppGroup("notifications", help="Messages to people, and what became of them.")
groups = (notifications,)

_CHANNELS = click.Choice([str(word) for word in Channel], case_sensitive=False)
_STATUSES = click.Choice([str(word) for word in Status], case_sensitive=False)


@notifications.command("list")
@click.option("--status", type=_STATUSES)
@click.option("--channel", type=_CHANNELS)
@click.option("--user", "user_id", type=click.UUID)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def list_(status: str | None, channel: str | None, user_id: UUID | None, limit: int) -> None:
    """The newest first."""
    found = select(Notification).order_by(Notification.created_at.desc()).limit(limit)
    for column, value in (
        (Notification.status, status),
        (Notification.channel, channel),
        (Notification.user_id, user_id),
    ):
        if value is not None:
            found = found.where(column == value)
    _table(("id", "created", "channel", "status", "tries", "reason"), map(_line, db.session.scalars(found)))


@notifications.command()
@click.argument("notification_id", type=click.UUID)
def show(notification_id: UUID) -> None:
    """One notification and its attempts, without its words."""
    found = _found(notification_id)
    for name in ("id", "user_id", "type", "channel", "category", "status", "failure_reason", "template", "created_at"):
        click.echo(f"{name:15} {getattr(found, name) if getattr(found, name) is not None else '-'}")
    rows = (
        (str(one.number), iso(one.started_at), one.provider, one.outcome, f"{one.duration_ms} ms", one.error or "")
        for one in inbox.attempts(notification_id, owner=None, limit=1000, cursor=None).items
    )
    _table(("try", "started", "provider", "outcome", "took", "error"), rows)


@notifications.command("retry")
@click.argument("notification_id", type=click.UUID)
def retry_one(notification_id: UUID) -> None:
    """Give a failed one a second chance."""
    try:
        retry.retry(notification_id)
    except Problem as problem:
        raise click.ClickException(str(problem)) from problem
    click.echo("It will be tried within a second.")


@notifications.command("retry-failed")
@click.option("--channel", type=_CHANNELS)
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"]), help="UTC unless it says otherwise.")
def retry_failed(channel: str | None, since: datetime | None) -> None:
    """Give all failed ones a second chance, at the pace of bulk."""
    begin = since.replace(tzinfo=UTC) if since is not None and since.tzinfo is None else since
    number = retry.retry_failed({"channel": channel} if channel else {}, since=begin)
    click.echo(f"{number} will be tried again.")


@notifications.command()
def templates() -> None:
    """Those that were written, and those that come with the program."""
    written = [(t.name, t.channel, t.locale, str(t.current)) for t in db.session.scalars(select(Template))]
    shipped = [(name, "any", locale, "shipped") for name, locale in compose.shipped_templates()]
    _table(("name", "channel", "locale", "version"), sorted(written) + sorted(shipped))


def _found(notification_id: UUID) -> Notification:
    try:
        return inbox.get(notification_id, owner=None)
    except Problem as problem:
        raise click.ClickException(str(problem)) from problem


def _line(one: Notification) -> tuple[str, ...]:
    return str(one.id), iso(one.created_at), one.channel, one.status, str(one.attempts), one.failure_reason or ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
