"""`flask users list|show`."""

from __future__ import annotations

import json

import click

from heidi_common.identity.models import Role
from heidi_services.users.cli.accounts import ROLES
from heidi_services.users.cli.group import find, line, tells, users
from heidi_services.users.serializers import person
from heidi_services.users.service import queries


@users.command("list")
@click.option("-q", help="A part of a name or an address.")
@click.option("--role", type=ROLES)
@click.option("--deleted", is_flag=True, help="The deleted ones, too.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@tells
def listed(q: str | None, role: str | None, deleted: bool, limit: int) -> None:
    """People, newest first."""
    query = {"include_deleted": deleted, "sort": "-createdAt", "limit": limit, "cursor": None, "total": True}
    query |= {"q": q} if q else {}
    query |= {"role": Role(role.upper())} if role else {}
    found = queries.listed(query)
    for user in found.items:
        click.echo(line(user))
    click.echo(f"{len(found.items)} of {found.total}", err=True)


@users.command("show")
@click.argument("who")
@tells
def show(who: str) -> None:
    """One person (id or e-mail) as the API shows them."""
    click.echo(json.dumps(person(find(who)), indent=2, ensure_ascii=False))
