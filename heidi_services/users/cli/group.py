"""The `flask users` group, and what its commands share."""

from __future__ import annotations

from types import ModuleType
from uuid import UUID

import click

from heidi_common.cli.lazy_command import LazyGroup
from heidi_common.identity.models import Role, User
from heidi_services.users.service import queries


def _accounts() -> ModuleType:
    from heidi_services.users.cli import accounts

    return accounts


def _import_export() -> ModuleType:
    from heidi_services.users.cli import import_export

    return import_export


def _queries() -> ModuleType:
    from heidi_services.users.cli import queries

    return queries


def _support() -> ModuleType:
    from heidi_services.users.cli import support

    return support


users = LazyGroup(
    "users",
    {
        _accounts: ("create-admin", "set-role", "deactivate", "restore"),
        _import_export: ("import", "export"),
        _queries: ("list", "show"),
        _support: ("remove-mfa", "sessions", "end-sessions"),
    },
)
ROLES = click.Choice([role.value for role in Role], case_sensitive=False)
user_argument = click.argument("id_or_email", metavar="USER")
"""The argument of commands that act on one user: an ID or an e-mail address."""


def find_user(id_or_email: str, *, deleted: bool = False) -> User:
    """Find a user, or exit with an error message."""
    try:
        user = queries.find_user(_parse(id_or_email), deleted=deleted)
    except ValueError as error:
        raise click.ClickException(f"{id_or_email}: {error}") from None
    if user is None:
        raise click.ClickException(f"{'deleted user' if deleted else 'user'} not found: {id_or_email}")
    return user


def summary_line(user: User) -> str:
    """Describe a user in one line: ID, role, state, e-mail address, name."""
    state = "deleted" if user.deleted_at else "active" if user.is_active else "inactive"
    name = " ".join(part for part in (user.first_name, user.last_name) if part)
    return f"{user.id}  {user.role:<9}  {state:<8}  {user.email}  {name}".rstrip()


def _parse(id_or_email: str) -> UUID | str:
    try:
        return UUID(id_or_email)
    except ValueError:
        return id_or_email
