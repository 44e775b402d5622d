"""Admin commands: `flask integrations ...`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import click
from flask.cli import AppGroup
from sqlalchemy import select

from heidi_common.audit import trail
from heidi_common.cli.commands import report_reencryption
from heidi_common.cli.lists import first
from heidi_common.cli.times import TIME, in_utc
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.schemas.fields import iso
from heidi_services.integration.enums import DeliveryStatus
from heidi_services.integration.models import Delivery, Integration
from heidi_services.integration.providers.registry import PROVIDERS
from heidi_services.integration.service.connection_check import check_connection
from heidi_services.integration.service.credentials import credential_store, secret_rotation
from heidi_services.integration.service.deactivation import DisabledReason, deactivate
from heidi_services.integration.service.deliveries import manual_retry
from heidi_services.integration.service.deliveries.delivery_recovery import MAX_MISSED_EVENTS, recover_deliveries

PROPERTIES = (
    "id",
    "user_id",
    "owner_role",
    "owner_active",
    "provider",
    "name",
    "webhook_url",
    "config",
    "is_active",
    "disabled_reason",
    "has_credentials",
    "failing_since",
    "last_failed_at",
    "last_sync_at",
    "created_at",
)
group = AppGroup("integrations")
groups = (group,)


@group.command("list")
@click.option("--user-id", type=click.UUID)
@click.option("--provider", type=click.Choice(list(PROVIDERS)))
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1))
def list_command(user_id: UUID | None, provider: str | None, limit: int) -> None:
    """List integrations, newest first."""
    statement = select(Integration).order_by(Integration.created_at.desc()).limit(limit + 1)
    if user_id:
        statement = statement.where(Integration.user_id == user_id)
    if provider:
        statement = statement.where(Integration.provider == provider)
    for row in first(db.session.scalars(statement), limit):
        state = "on" if row.is_open else "off"
        click.echo(f"{row.id}  {row.provider:8}  {state:3}  {row.user_id}  {row.name}")


@group.command("show")
@click.argument("integration_id", type=click.UUID)
def show_command(integration_id: UUID) -> None:
    """Show an integration, without its secrets."""
    integration = _get_integration(integration_id)
    for name in PROPERTIES:
        click.echo(f"{name}: {getattr(integration, name)}")


@group.command("rotate-keys")
def rotate_keys_command() -> None:
    """Re-encrypt all credentials and signing secrets with the first of ENCRYPTION_KEYS."""
    report_reencryption("integrations", *secret_rotation.reencrypt_all())


@group.command("deliveries")
@click.argument("integration_id", type=click.UUID)
@click.option("--status", type=click.Choice([status.value for status in DeliveryStatus]))
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1))
def deliveries_command(integration_id: UUID, status: str | None, limit: int) -> None:
    """List the deliveries of an integration, newest first."""
    _get_integration(integration_id)
    statement = select(Delivery).where(Delivery.integration_id == integration_id)
    if status:
        statement = statement.where(Delivery.status == status)
    newest = statement.order_by(Delivery.created_at.desc()).limit(limit + 1)
    for row in first(db.session.scalars(newest), limit):
        line = f"{row.id}  {iso(row.created_at)}  {row.status:9}  {row.attempts:2}  {row.event_type}"
        click.echo(f"{line}  {row.last_error or ''}".rstrip())


@group.command("retry")
@click.argument("integration_id", type=click.UUID)
@click.argument("delivery_id", type=click.UUID)
def retry_command(integration_id: UUID, delivery_id: UUID) -> None:
    """Make a delivery due now."""
    manual_retry.retry_delivery(_get_integration(integration_id), delivery_id)
    click.echo("The delivery will be retried within a second.")


@group.command("recover")
@click.argument("integration_id", type=click.UUID)
@click.option(
    "--since",
    type=TIME,
    required=True,
    help="Such as 2026-05-04T10:00; in UTC without an offset.",
)
def recover_command(integration_id: UUID, since: datetime) -> None:
    """Retry deliveries that failed since a time, and send events that were missed."""
    integration = _get_integration(integration_id)
    total, count = 0, MAX_MISSED_EVENTS
    while count >= MAX_MISSED_EVENTS:  # one call creates no more deliveries of missed events than these
        count = recover_deliveries(integration, in_utc(since))
        total += count
    click.echo(f"{total} deliveries are due now.")


@group.command("test")
@click.argument("integration_id", type=click.UUID)
def test_command(integration_id: UUID) -> None:
    """Call the provider's API, or send a signed webhook to the webhookUrl."""
    result = check_connection(_get_integration(integration_id), "test")
    line = f"{result.detail} ({result.duration_ms} ms)"
    if not result.ok:
        raise click.ClickException(line)
    click.echo(line)


@group.command("disable")
@click.argument("integration_id", type=click.UUID)
def disable_command(integration_id: UUID) -> None:
    """Switch an integration off, and notify its owner. Its webhooks are neither received nor sent."""
    _get_integration(integration_id)
    with transaction():
        disabled = deactivate(integration_id, DisabledReason.OPERATOR)
        if disabled:
            trail.record("integration_disabled", target=integration_id)
    click.echo("The integration is switched off. Its owner is notified." if disabled else "It was already off.")


@group.command("rotate-secret")
@click.argument("integration_id", type=click.UUID)
def rotate_secret_command(integration_id: UUID) -> None:
    """Replace the signing secret, and print the new one."""
    with transaction():
        integration = db.session.get(Integration, integration_id, with_for_update=True)
        if integration is None:
            raise _not_found(integration_id)
        now = utcnow()
        secret = secret_rotation.replace_secret(integration, actor=None, now=now)
        earlier = credential_store.earlier_secrets(integration, now)
    click.echo(secret)
    click.echo(f"For up to 24 hours deliveries also carry the signatures of {len(earlier)} replaced ones.", err=True)


def _get_integration(integration_id: UUID) -> Integration:
    integration = db.session.get(Integration, integration_id)
    if integration is None:
        raise _not_found(integration_id)
    return integration


def _not_found(integration_id: UUID) -> click.ClickException:
    return click.ClickException(f"Integration {integration_id} not found.")
