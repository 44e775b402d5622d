"""`flask notifications suppressions`: the addresses to which nothing is sent."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from flask.cli import AppGroup

from heidi_common.cli.times import TIME, in_utc
from heidi_common.schemas.fields import iso
from heidi_services.notification.cli.options import CHANNELS, echo_table
from heidi_services.notification.enums import MANUAL
from heidi_services.notification.models import Suppression
from heidi_services.notification.service.recipients import suppressions as service

suppressions = AppGroup("suppressions", help="List, add and remove addresses to which nothing is sent.")


@suppressions.command("list")
@click.option("--channel", type=CHANNELS)
@click.option("--address", help="An e-mail address or phone number.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def list_suppressions(channel: str | None, address: str | None, limit: int) -> None:
    """List suppressed addresses, latest first."""
    filters = {name: value for name, value in (("channel", channel), ("address", address)) if value is not None}
    page = service.list_suppressions(filters, limit=limit, cursor=None)
    header = ("created", "channel", "address", "reason", "expires", "detail")
    echo_table(header, map(_suppression_row, page.items))
    if page.has_more:
        click.echo(f"Only the first {limit} are shown; see --limit.", err=True)


@suppressions.command("add")
@click.argument("channel", type=click.Choice(["EMAIL", "SMS"], case_sensitive=False))
@click.argument("address")
@click.option("--reason", default=MANUAL, show_default=True)
@click.option(
    "--expires", type=TIME, help="When messages may be sent again, such as 2026-05-04T10:00; in UTC without an offset."
)
def add_suppression(channel: str, address: str, reason: str, expires: datetime | None) -> None:
    """Send nothing to an address any more."""
    if expires is not None and in_utc(expires) <= datetime.now(UTC):
        raise click.BadParameter("Must be in the future.", param_hint="--expires")
    added = service.add_suppression(
        channel.upper(), address, reason=reason, expires_at=expires and in_utc(expires), actor=None
    )
    until = f" until {iso(added.expires_at)}" if added.expires_at else ""
    click.echo(f"Nothing is sent to {added.address} by {added.channel}{until}.")


@suppressions.command("remove")
@click.argument("channel", type=CHANNELS)
@click.argument("address")
def remove_suppression(channel: str, address: str) -> None:
    """Allow sending to an address again."""
    if not service.remove_address(channel.upper(), address):
        raise click.ClickException("This address is not suppressed for this channel.")
    click.echo("Messages are sent to this address again.")


def _suppression_row(row: Suppression) -> tuple[str, ...]:
    expires, detail = iso(row.expires_at) if row.expires_at else "never", row.detail or ""
    return iso(row.created_at), row.channel, row.address, row.reason, expires, detail.partition("\n")[0][:80]
