"""`flask users list|show`."""

from __future__ import annotations

import json

import click

from heidi_common.identity.models import Role
from heidi_services.users.cli.group import ROLES, find_user, summary_line, user_argument, users
from heidi_services.users.serializers import serialize_user_detail
from heidi_services.users.service import queries


@users.command("list")
@click.option("-q", help="Part of a name or of an e-mail address.")
@click.option("--role", type=ROLES)
@click.option("--deleted", is_flag=True, help="Include deleted users.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
def list_users(q: str | None, role: str | None, deleted: bool, limit: int) -> None:
    """List users, newest first."""
    query = {"include_deleted": deleted, "sort": "-createdAt", "limit": limit, "cursor": None, "total": True}
    query |= {"q": q} if q else {}
    query |= {"role": Role(role.upper())} if role else {}
    page = queries.list_users(query)
    for user in page.items:
        click.echo(summary_line(user))
    about = "about " if page.meta["totalIsEstimate"] else ""
    click.echo(f"{len(page.items)} of {about}{page.meta['total']}", err=True)


@users.command("show")
@user_argument
def show_user(id_or_email: str) -> None:
    """Show a user (ID or e-mail address) as the API returns it."""
    click.echo(json.dumps(serialize_user_detail(find_user(id_or_email)), indent=2, ensure_ascii=False))
