"""Endpoints of passwords."""

from __future__ import annotations

from typing import Any

from heidi_common.identity.models import Role
from heidi_common.identity.scopes import Scope
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated, caller, guard, public
from heidi_services.auth.routes.device import current_device
from heidi_services.auth.schemas import AcceptedOut, ChangeIn, EmailIn, InviteIn, ResetIn
from heidi_services.auth.service import invitation, password, password_reset

blp = Blueprint("password", __name__, description="Passwords")
ACCEPTED = {"accepted": True}


@blp.route("/api/v1/auth/password/forgot", methods=["POST"])
@public
@blp.arguments(EmailIn)
@blp.response(202, AcceptedOut)
def request_reset(body: dict[str, Any]) -> dict[str, bool]:
    """Request a reset e-mail. Response and response time are the same whether or not the address has an account."""
    password_reset.request_reset(body["email"], current_device())
    return ACCEPTED


@blp.route("/api/v1/auth/password/invite", methods=["POST"])
@guard(Role.ADMIN, scopes=(Scope.NOTIFICATIONS_WRITE,))
@idempotent
@blp.arguments(InviteIn)
@blp.response(202, AcceptedOut)
def invite_user(body: dict[str, Any]) -> dict[str, bool]:
    """Send a user who has never signed in an e-mail with a link to choose a password. It works once, for 7 days."""
    invitation.invite_user(body["user_id"], caller().id)
    return ACCEPTED


@blp.route("/api/v1/auth/password/reset", methods=["POST"])
@public
@blp.arguments(ResetIn)
@blp.response(204)
def reset_password(body: dict[str, Any]) -> None:
    """Set a new password by a mailed token and end all sessions.

    The token works once, for 15 minutes; that of an invitation for 7 days.
    """
    password_reset.reset_password(body["token"], body["new_password"])


@blp.route("/api/v1/auth/password/change", methods=["POST"])
@authenticated
@blp.arguments(ChangeIn)
@blp.response(204)
def change_password(body: dict[str, Any]) -> None:
    """Change the password by the current one and end the user's other sessions."""
    password.change_password(caller(), body["current_password"], body["new_password"], current_device())
