"""The commands `flask keys`, `flask audit` and `flask clients`."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import click
from flask.cli import AppGroup

from heidi_common.audit import addresses, chain
from heidi_common.cli.commands import report_reencryption
from heidi_common.cli.lists import report_cut
from heidi_common.crypto import vapid
from heidi_common.identity import firebase_projects
from heidi_common.identity.models import MachineClient
from heidi_common.identity.scopes import Scope
from heidi_common.jwt.keys import Jwk, public_set
from heidi_common.jwt.signing_keys import private_keys
from heidi_common.problems import NotFound
from heidi_common.runtime import current_settings
from heidi_common.schemas.error_pointers import invalid
from heidi_services.auth import key_rotation
from heidi_services.auth.schemas import ClientIn
from heidi_services.auth.service import audit, audit_export, clients, totp_secrets

keys_group = AppGroup("keys")
audit_group = AppGroup("audit")
clients_group = AppGroup("clients")
groups = (keys_group, audit_group, clients_group)


@keys_group.command("list")
def list_keys() -> None:
    """List the keys of JWT_PRIVATE_KEYS: ID and state, never the secret."""
    _print_keys(private_keys().keys)


@keys_group.command("rotate")
@click.option(
    "--drop-previous",
    is_flag=True,
    help="Remove all older keys, so that tokens signed with them are rejected immediately. For a leaked key.",
)
@click.option("--env", "as_env", is_flag=True, help="Print inline keys as lines of .env, the public ones too.")
def rotate_keys(drop_previous: bool, as_env: bool) -> None:
    """Sign with the next key, keep the current one as a previous one, and generate a new next key.

    If the keys are in files, JWT_PRIVATE_KEYS and JWT_PUBLIC_KEYS are rewritten and running services load them.
    Inline keys are printed instead: put them where you store your secrets.
    """
    settings = current_settings()
    if settings.jwt_private_keys is None:
        raise click.ClickException("JWT_PRIVATE_KEYS is not set. Run this command where auth runs: only auth signs.")
    rotated = key_rotation.rotate(private_keys().keys, drop_previous=drop_previous)
    in_files = key_rotation.write(settings.jwt_private_keys, settings.jwt_public_keys, rotated)
    _print_keys(rotated, to_stderr=not in_files)
    if not in_files:
        private, public = json.dumps({"keys": rotated}), json.dumps(public_set(rotated))
        click.echo(f"JWT_PRIVATE_KEYS='{private}'\nJWT_PUBLIC_KEYS='{public}'" if as_env else private)


@keys_group.command("vapid")
def generate_vapid_key() -> None:
    """Generate a key for Web Push. Set VAPID_PRIVATE_KEY to it; a new key ends all subscriptions of browsers."""
    private_key = vapid.generate_private_key()
    click.echo(f"VAPID_PRIVATE_KEY={private_key}")
    click.echo(f"Public key, which GET /notifications/push-key returns: {vapid.public_key(private_key)}", err=True)


@keys_group.command("reseal")
def reencrypt() -> None:
    """Re-encrypt second factors, Firebase parameters and addresses of the audit trail with the first encryption key."""
    report_reencryption("second factors", *totp_secrets.reencrypt_all())
    report_reencryption("Firebase projects", *firebase_projects.reencrypt_all())
    report_reencryption("addresses of the audit trail", *addresses.reencrypt_all())


@audit_group.command("verify")
def verify_audit() -> None:
    """Verify the hash chain of the audit trail. Exit 1 if a row was changed, inserted or removed."""
    result = chain.verify_chain()
    if result.broken_at is not None:
        click.echo(f"BROKEN at row {result.broken_at}; the {result.rows} rows before it are intact", err=True)
        sys.exit(1)
    click.echo(f"{result.rows} rows are intact; head {result.head}")


@audit_group.command("list")
@click.option("--action", help="Only this action, such as authn_login_fail.")
@click.option("--actor", help="Only actions of the user or machine client with this ID.")
@click.option("--target", help="Only actions on the object with this ID or fingerprint.")
@click.option("--outcome", type=click.Choice(["success", "failure"]))
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
def list_audit(limit: int, **filters: str | None) -> None:
    """List the latest rows, newest first."""
    page = audit.list_rows({**filters, "limit": limit, "cursor": None, "total": False})
    for row in page.items:
        parties = f"{row.actor or '-'} -> {row.target or '-'}"
        detail = json.dumps(row.detail) if row.detail else ""
        line = f"{row.position}  {row.at:%Y-%m-%dT%H:%M:%SZ}  {row.action}  {row.outcome}  {parties}  {detail}"
        click.echo(line.rstrip())
    report_cut(page.has_more, limit)


@audit_group.command("export")
@click.option(
    "--destination", default="logs", show_default=True, help="The name under which the last row is remembered."
)
@click.option("--follow", is_flag=True, help="Go on until SIGTERM, with new rows as they appear.")
def export_audit(destination: str, follow: bool) -> None:
    """Print the rows that were not printed before for the destination, as lines of JSON, the oldest first."""
    if not follow:
        count = audit_export.export_all(destination, _print_audit)
        click.echo(f"{count} rows were exported to {destination}", err=True)
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    audit_export.follow(destination, _print_audit, stop.wait)


def _print_audit(fields: dict[str, Any]) -> None:
    """Print a row with the fields of all lines of the log. It is flushed, since its position is stored afterwards."""
    line = {"level": "INFO", "logger": "heidi.audit", "service": "audit", **fields}
    click.echo(json.dumps(line, ensure_ascii=False))


@audit_group.command("address")
@click.argument("fingerprint")
def read_address(fingerprint: str) -> None:
    """Show the e-mail address behind a target such as hmac:... This is audited."""
    try:
        click.echo(audit.read_address(fingerprint, actor=None)["email"])
    except NotFound as problem:
        raise click.ClickException(str(problem)) from None


@clients_group.command("create")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, required=True, help=f"A scope; repeatable. One of {', '.join(Scope)}."
)
def create_client(name: str, scopes: tuple[str, ...]) -> None:
    """Create a machine client. Its secret is printed only this time."""
    problems = ClientIn().validate({"name": name, "scopes": list(scopes)})
    if problems:
        raise click.ClickException(str(invalid(problems, "")))
    client = clients.create_client(name, list(scopes), actor=None)
    click.echo(f"client_id={client['client_id']}\nclient_secret={client['client_secret']}")


@clients_group.command("list")
def list_clients() -> None:
    """List the ID, name and scopes of each machine client that is not revoked."""
    for client in _all_clients():
        click.echo(f"{client.id}  {client.name}  {' '.join(client.scopes)}")


def _all_clients() -> Iterator[MachineClient]:
    cursor = None
    while True:
        page = clients.list_clients(limit=100, cursor=cursor, total=False)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _print_keys(keys: list[Jwk], *, to_stderr: bool = False) -> None:
    for key in keys:
        click.echo(f"{key['kid']}  {key['state']}", err=to_stderr)
