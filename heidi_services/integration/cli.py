"""Admin commands: `flask integrations ...`."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import AppGroup
from sqlalchemy import select

from heidi_common.cli.commands import report_reencryption
from heidi_common.database.session import db
from heidi_common.problems import Problem
from heidi_common.schemas.fields import iso
from heidi_services.integration.models import Delivery, DeliveryStatus, Integration, ProviderName
from heidi_services.integration.service import deliveries, integrations

group = AppGroup("integrations", help="Ties to providers: look, retry, rotate keys.")
groups = (group,)


@group.command("list")
@click.option("--user-id", type=click.UUID)
@click.option("--provider", type=click.Choice([name.value for name in ProviderName]))
@click.option("--limit", default=100, show_default=True)
def list_command(user_id: UUID | None, provider: str | None, limit: int) -> None:
    """The newest integrations."""
    statement = select(Integration).order_by(Integration.created_at.desc()).limit(limit)
    if user_id:
        statement = statement.where(Integration.user_id == user_id)
    if provider:
        statement = statement.where(Integration.provider == provider)
    for found in db.session.scalars(statement):
        state = "on" if found.is_open else "off"
        click.echo(f"{found.id}  {found.provider:8}  {state:3}  {found.user_id}  {found.name}")


@group.command("show")
@click.argument("integration_id", type=click.UUID)
def show_command(integration_id: UUID) -> None:
    """One integration; never its secrets."""
    found = _integration(integration_id)
    for name in ("id", "user_id", "owner_role", "owner_active", "provider", "name", "webhook_url", "config"):
        click.echo(f"{name}: {getattr(found, name)}")
    for name in ("is_active", "disabled_reason", "has_credentials", "failing_since", "last_sync_at", "created_at"):
        click.echo(f"{name}: {getattr(found, name)}")


@group.command("rotate-keys")
def rotate_keys_command() -> None:
    """Bring all credentials and signing secrets under the first of ENCRYPTION_KEYS."""
    report_reencryption("integrations", *integrations.rotate_keys())


@group.command("deliveries")
@click.argument("integration_id", type=click.UUID)
@click.option("--status", type=click.Choice([status.value for status in DeliveryStatus]))
@click.option("--limit", default=50, show_default=True)
def deliveries_command(integration_id: UUID, status: str | None, limit: int) -> None:
    """What was forwarded, newest first."""
    _integration(integration_id)
    statement = select(Delivery).where(Delivery.integration_id == integration_id)
    if status:
        statement = statement.where(Delivery.status == status)
    for found in db.session.scalars(statement.order_by(Delivery.created_at.desc()).limit(limit)):
        line = f"{found.id}  {iso(found.created_at)}  {found.status:9}  {found.attempts:2}  {found.event_type}"
        click.echo(f"{line}  {found.last_error or ''}".rstrip())


@group.command("retry")
@click.argument("integration_id", type=click.UUID)
@click.argument("delivery_id", type=click.UUID)
def retry_command(integration_id: UUID, delivery_id: UUID) -> None:
    """Make a delivery due now."""
    try:
        deliveries.retry(_integration(integration_id), delivery_id)
    except Problem as problem:
        raise click.ClickException(str(problem)) from None
    click.echo("due now")


def _integration(integration_id: UUID) -> Integration:
    found = db.session.get(Integration, integration_id)
    if found is None:
        raise click.ClickException(f"There is no integration {integration_id}.")
    return found
