"""What the commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar
from uuid import UUID

import click
from flask.cli import AppGroup

from heidi_common.identity.emails import normalise_email
from heidi_common.identity.models import User
from heidi_common.problems import Problem
from heidi_services.users.service import queries

P = ParamSpec("P")
T = TypeVar("T")

users = AppGroup("users", help="People: create an administrator, list, change, import, export.")


@contextmanager
def told() -> Iterator[None]:
    """A problem is one clear line and exit code 1, not a stack."""
    try:
        yield
    except Problem as problem:
        raise click.ClickException(str(problem.detail or problem)) from None


def tells(command: Callable[P, T]) -> Callable[P, T]:
    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with told():
            return command(*args, **kwargs)

    return run


def find(who: str, *, deleted: bool = False) -> User:
    """A person by id or by e-mail; one clear line when there is none."""
    try:
        by: UUID | str = UUID(who)
    except ValueError:
        try:
            by = normalise_email(who)
        except ValueError as error:
            raise click.ClickException(f"{who}: {error}") from None
    user = queries.find(by, deleted=deleted)
    if user is None:
        raise click.ClickException(f"there is no {'deleted ' if deleted else ''}user {who}")
    return user


def line(user: User) -> str:
    state = "deleted" if user.deleted_at else "active" if user.is_active else "inactive"
    name = " ".join(part for part in (user.first_name, user.last_name) if part)
    return f"{user.id}  {user.role:<9}  {state:<8}  {user.email}  {name}".rstrip()
