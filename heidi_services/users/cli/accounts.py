"""`flask users create-admin|set-role|deactivate|restore`."""

from __future__ import annotations

import os
import secrets
import sys

import click

from heidi_common.config.declaration import read_one
from heidi_common.config.sections.processes import LocalPlatform
from heidi_common.identity.models import Role
from heidi_services.users.cli.group import ROLES, find_user, summary_line, user_argument, users
from heidi_services.users.service import admins
from heidi_services.users.service.users import apply_update
from heidi_services.users.service.users import restore as restore_user


@users.command("create-admin")
@click.argument("email", required=False)
@click.option("--email", "email_option", help="The e-mail address, instead of the argument.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--if-none", is_flag=True, help="Do nothing if an active administrator exists.")
def create_admin(email: str | None, email_option: str | None, password_stdin: bool, if_none: bool) -> None:
    """Create an administrator, or make an existing user one.

    The password is read from standard input, from HEIDI_ADMIN_PASSWORD or from a prompt. Otherwise a random password
    is generated and displayed once.
    """
    address = email or email_option
    if not address:
        raise click.UsageError("specify the e-mail address")
    if if_none and admins.has_active_admin():
        click.echo("nothing done: an active administrator already exists")
        return
    password, generated = _password(password_stdin)
    user, created = admins.create_or_promote(address, password)
    click.echo(f"{'created' if created else 'promoted to administrator'}: {user.email} {user.id}")
    if generated and created:
        click.echo(f"password: {password}")


def _password(from_stdin: bool) -> tuple[str, bool]:
    """Return the password, and whether it was generated."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    if password := read_one(LocalPlatform, "admin_password", os.environ):
        return password, False
    if sys.stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True), False
    return secrets.token_urlsafe(18), True


@users.command("set-role")
@user_argument
@click.argument("role", type=ROLES)
def set_role(id_or_email: str, role: str) -> None:
    """Give a user (ID or e-mail address) another role. This revokes the user's access tokens."""
    user = find_user(id_or_email)
    click.echo(summary_line(apply_update(user.id, {"role": Role(role.upper())}, actor=None)))


@users.command("deactivate")
@user_argument
def deactivate(id_or_email: str) -> None:
    """Deactivate a user (ID or e-mail address): all sessions end, and sign-in is rejected."""
    user = find_user(id_or_email)
    click.echo(summary_line(apply_update(user.id, {"is_active": False}, actor=None)))


@users.command("restore")
@user_argument
def restore(id_or_email: str) -> None:
    """Restore a deleted or deactivated user (ID or e-mail address)."""
    user = find_user(id_or_email, deleted=True)
    restored = restore_user(user.id, actor=None)
    click.echo(summary_line(apply_update(restored.id, {"is_active": True}, actor=None)))
