"""`flask users create-admin|set-role|deactivate|restore`."""

from __future__ import annotations

import os
import secrets
import sys

import click

from heidi_common.identity.models import Role
from heidi_services.users.cli.group import find, line, tells, users
from heidi_services.users.service import admins
from heidi_services.users.service import users as changes

ROLES = click.Choice([role.value for role in Role], case_sensitive=False)


@users.command("create-admin")
@click.argument("email", required=False)
@click.option("--email", "email_option", help="The same as the argument.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--if-none", is_flag=True, help="Only when the platform has no active administrator yet.")
@tells
def create_admin(email: str | None, email_option: str | None, password_stdin: bool, if_none: bool) -> None:
    """Create an administrator, or make an existing person one.

    The password comes from standard input, from HEIDI_ADMIN_PASSWORD, from a prompt, or is made up and shown once.
    """
    address = email or email_option
    if not address:
        raise click.UsageError("which e-mail address?")
    if if_none and admins.exists_one():
        click.echo("nothing done: there is an active administrator already")
        return
    password, made_up = _password(password_stdin)
    user, created = admins.appoint(address, password)
    click.echo(f"{'created' if created else 'made an administrator'}: {user.email} {user.id}")
    if made_up and created:
        click.echo(f"password: {password}")


def _password(from_stdin: bool) -> tuple[str, bool]:
    """(password, whether it was made up)."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    if os.environ.get("HEIDI_ADMIN_PASSWORD"):
        return os.environ["HEIDI_ADMIN_PASSWORD"], False
    if sys.stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True), False
    return secrets.token_urlsafe(18), True


@users.command("set-role")
@click.argument("who")
@click.argument("role", type=ROLES)
@tells
def set_role(who: str, role: str) -> None:
    """Give a person (id or e-mail) a role; their access tokens end at once."""
    click.echo(line(changes.change(find(who).id, {"role": Role(role.upper())}, actor=None)))


@users.command("deactivate")
@click.argument("who")
@tells
def deactivate(who: str) -> None:
    """Nobody signs in with this account any more; its sessions end at once."""
    click.echo(line(changes.change(find(who).id, {"is_active": False}, actor=None)))


@users.command("restore")
@click.argument("who")
@tells
def restore(who: str) -> None:
    """Take a deletion or a deactivation back."""
    user = find(who, deleted=True)
    restored = changes.restore(user.id, actor=None)
    click.echo(line(changes.change(restored.id, {"is_active": True}, actor=None)))
