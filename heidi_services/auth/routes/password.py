"""Passwords and e-mail verification."""

from __future__ import annotations

from typing import Any

from heidi_common.identity.models import Role
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated, caller, guard, public
from heidi_services.auth.routes.device import device
from heidi_services.auth.schemas import AcceptedOut, ChangeIn, EmailIn, InviteIn, ResetIn, TokenIn
from heidi_services.auth.service import email_verification, invitation, password

blp = Blueprint("password", __name__, description="Passwords and e-mail verification")
ACCEPTED = {"accepted": True}


@blp.route("/api/v1/auth/password/forgot", methods=["POST"])
@public
@blp.arguments(EmailIn)
@blp.response(202, AcceptedOut)
def forgot(body: dict[str, Any]) -> dict[str, bool]:
    """Always 202, in the same time; a mail goes out when there is such an account."""
    password.forgot(body["email"], device())
    return ACCEPTED


@blp.route("/api/v1/auth/password/invite", methods=["POST"])
@guard(Role.ADMIN, scopes=("notifications:write",))
@idempotent
@blp.arguments(InviteIn)
@blp.response(202, AcceptedOut)
def invite(body: dict[str, Any]) -> dict[str, bool]:
    """Mail somebody who has never signed in a link by which they choose their password (one use, 7 days)."""
    invitation.invite(body["user_id"], caller().id)
    return ACCEPTED


@blp.route("/api/v1/auth/password/reset", methods=["POST"])
@public
@blp.arguments(ResetIn)
@blp.response(204)
def reset(body: dict[str, Any]) -> None:
    """A new password for a mailed token (one use; 15 minutes, an invitation 7 days); all sessions end."""
    password.reset(body["token"], body["new_password"])


@blp.route("/api/v1/auth/password/change", methods=["POST"])
@authenticated
@blp.arguments(ChangeIn)
@blp.response(204)
def change(body: dict[str, Any]) -> None:
    """A new password for who knows the current one; the other sessions end."""
    password.change(caller(), body["current_password"], body["new_password"], device())


@blp.route("/api/v1/auth/email/verify", methods=["POST"])
@public
@blp.arguments(TokenIn)
@blp.response(204)
def verify(body: dict[str, Any]) -> None:
    """Prove an address with the mailed token."""
    email_verification.verify(body["token"])


@blp.route("/api/v1/auth/email/resend", methods=["POST"])
@authenticated
@blp.response(202, AcceptedOut)
def resend() -> dict[str, bool]:
    """Send the verification mail again."""
    email_verification.resend(caller(), device().ip)
    return ACCEPTED
