"""`flask notifications`: inspect and retry notifications in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click
from flask.cli import AppGroup
from sqlalchemy import Select, select

from heidi_common.cli.lists import first
from heidi_common.cli.times import TIME, in_utc
from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.schemas.fields import iso
from heidi_services.notification.cli.options import CHANNELS, echo_table
from heidi_services.notification.cli.senders import senders
from heidi_services.notification.cli.suppressions import suppressions
from heidi_services.notification.enums import NotificationStatus
from heidi_services.notification.models import Attempt, Notification, Template
from heidi_services.notification.service import queries
from heidi_services.notification.service.delivery import manual_retry
from heidi_services.notification.service.templates import template_resolver

if TYPE_CHECKING:
    from heidi_common.cli.doctor_checks import Check

notifications = AppGroup("notifications")
notifications.add_command(suppressions)
notifications.add_command(senders)
groups = (notifications,)

_STATUSES = click.Choice([str(status) for status in NotificationStatus], case_sensitive=False)
_DETAILS = ("id", "user_id", "type", "channel", "category", "status", "failure_reason", "template", "created_at")
_MAX_ATTEMPTS = 1000


def doctor_checks(settings: Settings) -> Iterator[Check]:
    """What `flask doctor` checks. The commands need not wait for its imports."""
    from heidi_services.notification.cli.checks import checks

    return checks(settings)


@notifications.command("list")
@click.option("--status", type=_STATUSES)
@click.option("--channel", type=CHANNELS)
@click.option("--user", "user_id", type=click.UUID)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def list_(status: str | None, channel: str | None, user_id: UUID | None, limit: int) -> None:
    """List notifications, newest first."""
    statement = select(Notification).order_by(Notification.created_at.desc()).limit(limit + 1)
    rows = map(_notification_row, first(db.session.scalars(_filtered(statement, status, channel, user_id)), limit))
    echo_table(("id", "created", "channel", "status", "attempts", "reason"), rows)


@notifications.command()
@click.argument("notification_id", type=click.UUID)
def show(notification_id: UUID) -> None:
    """Show a notification and its attempts, without its text."""
    notification = _get(notification_id)
    for name in _DETAILS:
        value = getattr(notification, name)
        click.echo(f"{name:15} {'-' if value is None else value}")
    attempts = queries.list_attempts(notification_id, owner=None, limit=_MAX_ATTEMPTS, cursor=None)
    header = ("attempt", "started", "provider", "outcome", "duration", "response")
    echo_table(header, map(_attempt_row, attempts.items))
    if attempts.has_more:
        click.echo(f"Only the first {_MAX_ATTEMPTS} attempts are shown; the API lists all.", err=True)


@notifications.command("retry")
@click.argument("notification_id", type=click.UUID)
def retry_one(notification_id: UUID) -> None:
    """Retry a failed notification."""
    manual_retry.retry_notification(notification_id)
    click.echo("The notification will be retried within a second.")


@notifications.command("retry-failed")
@click.option("--channel", type=CHANNELS)
@click.option("--since", type=TIME, help="Such as 2026-05-04T10:00; in UTC without an offset.")
def retry_failed(channel: str | None, since: datetime | None) -> None:
    """Retry failed notifications, at the rate of bulk messages: the 10,000 oldest ones."""
    filters = {"channel": channel} if channel else {}
    retried = manual_retry.retry_failed(filters, since=in_utc(since) if since is not None else None)
    click.echo(f"{retried.number} notifications will be retried.")
    if retried.has_more:
        click.echo("There are more. Run the command again.")


@notifications.command()
def templates() -> None:
    """List stored templates and the default templates of the package."""
    stored = [(t.name, t.channel, t.locale, str(t.current)) for t in db.session.scalars(select(Template))]
    defaults = [(name, "any", locale, "default") for name, locale in template_resolver.default_templates()]
    echo_table(("name", "channel", "locale", "version"), sorted(stored) + sorted(defaults))


def _get(notification_id: UUID) -> Notification:
    return queries.get(notification_id, owner=None)


def _filtered(statement: Select[Any], status: str | None, channel: str | None, user_id: UUID | None) -> Select[Any]:
    if status is not None:
        statement = statement.where(Notification.status == status)
    if channel is not None:
        statement = statement.where(Notification.channel == channel)
    if user_id is not None:
        statement = statement.where(Notification.user_id == user_id)
    return statement


def _notification_row(notification: Notification) -> tuple[str, ...]:
    created, reason = iso(notification.created_at), notification.failure_reason or ""
    return str(notification.id), created, notification.channel, notification.status, str(notification.attempts), reason


def _attempt_row(attempt: Attempt) -> tuple[str, ...]:
    started, duration = iso(attempt.started_at), f"{attempt.duration_ms} ms"
    text = attempt.error or attempt.response or ""
    return str(attempt.number), started, attempt.provider, attempt.outcome, duration, text
