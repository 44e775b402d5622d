"""`flask notifications senders`: the domains from which e-mails may be sent, besides MAIL_FROM."""

from __future__ import annotations

import re

import click
from flask.cli import AppGroup

from heidi_common.cli.commands import report_reencryption
from heidi_common.schemas.fields import iso
from heidi_services.notification.cli.options import echo_table
from heidi_services.notification.models import SenderDomain
from heidi_services.notification.service.senders import domains

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
senders = AppGroup("senders", help="Add, verify and remove the domains from which e-mails may be sent.")


def _selector(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise click.BadParameter("Must consist of at most 63 lower-case letters, digits and hyphens.")
    return value


@senders.command("add")
@click.argument("domain")
@click.option("--selector", default="heidi", show_default=True, callback=_selector, help="The name of the key.")
def add(domain: str, selector: str) -> None:
    """Add a domain, create its DKIM key, and print the DNS records to create."""
    row = domains.add_domain(domain, selector)
    click.echo(f"{row.domain} was added. Create these records in its DNS zone, then verify it:\n")
    _echo_records(row)
    click.echo(f"\n    flask notifications senders verify {row.domain}")


@senders.command("show")
@click.argument("domain")
def show(domain: str) -> None:
    """Print the DNS records of a domain again."""
    _echo_records(domains.get_domain(domain))


@senders.command("list")
def list_senders() -> None:
    """List the domains."""
    rows = [
        (row.domain, row.selector, iso(row.created_at), iso(row.verified_at) if row.verified_at else "not verified")
        for row in domains.list_domains()
    ]
    echo_table(("domain", "selector", "added", "verified"), rows)


@senders.command("verify")
@click.argument("domain")
def verify(domain: str) -> None:
    """Look up the DNS records of a domain, and permit it as a sender if they contain its key."""
    result, row = domains.verify_domain(domain), domains.get_domain(domain)
    if not result.has_key:
        dkim, _ = domains.dns_records(row)
        message = f"The DNS has no TXT record at {dkim.name} with the key of {row.domain}. New records take a while."
        click.echo(f"Expected:\n\n{dkim.zone_line}\n", err=True)
        raise click.ClickException(message)
    click.echo(f"{row.domain} is verified: e-mails can be sent from its addresses, and are signed.")
    if not result.has_dmarc:
        click.echo(f"Recommended: a DMARC record at _dmarc.{row.domain}. Large providers require one.")


@senders.command("remove")
@click.argument("domain")
def remove(domain: str) -> None:
    """Remove a domain with its key. Messages from it that have not been sent yet fail."""
    removed = domains.remove_domain(domain)
    click.echo(f"{removed} was removed. Its DNS record can be deleted.")


@senders.command("reencrypt")
def reencrypt() -> None:
    """Encrypt the keys with the first of ENCRYPTION_KEYS."""
    report_reencryption("keys of sender domains", *domains.reencrypt_keys())


def _echo_records(row: SenderDomain) -> None:
    dkim, dmarc = domains.dns_records(row)
    click.echo(f"; required: the key of its signatures\n{dkim.zone_line}")
    click.echo(f"; recommended: what others do with unsigned e-mails\n{dmarc.zone_line}")
