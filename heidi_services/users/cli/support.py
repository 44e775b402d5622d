"""`flask users remove-mfa|sessions|end-sessions`."""

from __future__ import annotations

from uuid import UUID

import click

from heidi_services.users.cli.group import find_user, user_argument, users
from heidi_services.users.schemas import ReasonIn
from heidi_services.users.service import support


def _validated(_context: click.Context, _parameter: click.Parameter, reason: str) -> str:
    errors = ReasonIn().validate({"reason": reason})
    if errors:
        raise click.BadParameter(" ".join(errors["reason"]))
    return reason


reason_option = click.option(
    "--reason", required=True, callback=_validated, help="Why. Audited; must not contain personal data."
)


@users.command("remove-mfa")
@user_argument
@reason_option
def remove_second_factor(id_or_email: str, reason: str) -> None:
    """Remove the second factor of a user (ID or e-mail address), who is notified by e-mail."""
    user = find_user(id_or_email)
    support.remove_second_factor(user.id, reason, actor=None)
    click.echo(f"removed the second factor of {user.email}")


@users.command("sessions")
@user_argument
def list_sessions(id_or_email: str) -> None:
    """List the active sessions of a user (ID or e-mail address): ID, last use, IP address, device."""
    for session in support.active_sessions(find_user(id_or_email).id):
        device = session.label or session.user_agent or ""
        click.echo(f"{session.id}  {session.rotated_at:%Y-%m-%dT%H:%M:%SZ}  {session.ip or '-'}  {device}".rstrip())


@users.command("end-sessions")
@user_argument
@click.option("--session", "session_id", type=click.UUID, help="Only this session (`flask users sessions` lists them).")
@reason_option
def end_sessions(id_or_email: str, session_id: UUID | None, reason: str) -> None:
    """End the sessions of a user (ID or e-mail address), who is notified by e-mail."""
    user = find_user(id_or_email)
    if session_id is None:
        click.echo(f"ended {support.end_sessions(user.id, reason, actor=None)} sessions of {user.email}")
    else:
        support.end_session(user.id, session_id, reason, actor=None)
        click.echo(f"ended the session {session_id} of {user.email}")
