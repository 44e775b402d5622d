"""`flask keys|audit|clients ...`"""

from __future__ import annotations

import json
import sys

import click
from flask.cli import AppGroup

from heidi_common.audit import chain
from heidi_common.cli.commands import report_reencryption
from heidi_common.interceptors.validation import invalid
from heidi_common.jwt.signing_keys import private_keys
from heidi_common.runtime import current_settings
from heidi_services.auth import key_rotation as key_ring
from heidi_services.auth.schemas import ClientIn
from heidi_services.auth.service import clients as machines
from heidi_services.auth.service import totp_secrets as sealing
from heidi_services.auth.service.audit import listed

keys = AppGroup("keys", help="Signing keys: list, rotate. Encryption keys: reseal.")
audit = AppGroup("audit", help="The audit trail: verify, list.")
clients = AppGroup("clients", help="Machine clients: create, list.")
groups = (keys, audit, clients)


@keys.command("list")
def list_keys() -> None:
    """The keys of JWT_PRIVATE_KEYS: id and state, never the secret."""
    for key in private_keys().keys:
        click.echo(f"{key['kid']}  {key['state']}")


@keys.command("rotate")
@click.option("--drop-previous", is_flag=True, help="Refuse at once what older keys signed (a key has leaked).")
def rotate_keys(drop_previous: bool) -> None:
    """next -> current -> previous, and a new next.

    With files, JWT_PRIVATE_KEYS (and JWT_PUBLIC_KEYS) are rewritten and every running service sees it; inline keys
    are printed, to be put where the secrets are kept.
    """
    settings = current_settings()
    if settings.jwt_private_keys is None:
        raise click.ClickException("JWT_PRIVATE_KEYS is not set here: only auth has the signing keys")
    rotated = key_ring.rotate(private_keys().keys, drop_previous=drop_previous)
    written = key_ring.write(settings.jwt_private_keys, settings.jwt_public_keys, rotated)
    for key in rotated:
        click.echo(f"{key['kid']}  {key['state']}", err=not written)
    if not written:
        click.echo(json.dumps({"keys": rotated}))


@keys.command("reseal")
def reseal() -> None:
    """Bring the secrets of all second factors under the first of ENCRYPTION_KEYS."""
    report_reencryption("second factors", *sealing.reseal())


@audit.command("verify")
def verify_audit() -> None:
    """Compute the whole chain anew; exit 1 when a row was changed, added or taken out."""
    found = chain.verify_chain()
    if found.broken_at is not None:
        click.echo(f"BROKEN at row {found.broken_at}; {found.rows} rows before it are whole", err=True)
        sys.exit(1)
    click.echo(f"{found.rows} rows are whole; head {found.head}")


@audit.command("list")
@click.option("--action")
@click.option("--actor")
@click.option("--target")
@click.option("--outcome", type=click.Choice(["success", "failure"]))
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
def list_audit(limit: int, **filters: str | None) -> None:
    """The latest rows."""
    for row in listed({**filters, "limit": limit, "cursor": None, "total": False}).items:
        detail = json.dumps(row.detail) if row.detail else ""
        who = f"{row.actor or '-'} -> {row.target or '-'}"
        click.echo(
            f"{row.position}  {row.at:%Y-%m-%dT%H:%M:%SZ}  {row.action}  {row.outcome}  {who}  {detail}".rstrip()
        )


@clients.command("create")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, required=True, help="Such as notifications:write; more than one may be given."
)
def create_client(name: str, scopes: tuple[str, ...]) -> None:
    """A machine client; its secret is printed this once."""
    problems = ClientIn().validate({"name": name, "scopes": list(scopes)})
    if problems:
        raise click.ClickException(str(invalid(problems, "")))
    made = machines.create(name, list(scopes), actor=None)
    click.echo(f"client_id={made['client_id']}\nclient_secret={made['client_secret']}")


@clients.command("list")
def list_clients() -> None:
    """Id, name and scopes of each."""
    for client in machines.listed(limit=100, cursor=None, total=False).items:
        click.echo(f"{client.id}  {client.name}  {' '.join(client.scopes)}")
