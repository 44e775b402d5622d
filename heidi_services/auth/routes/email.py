"""Endpoints to verify an e-mail address and to change it."""

from __future__ import annotations

from typing import Any

from heidi_common.interceptors.idempotency import idempotent_outside
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.authentication import optional_user_id
from heidi_common.jwt.guards import authenticated, caller, public
from heidi_services.auth.routes.device import current_device
from heidi_services.auth.schemas import AcceptedOut, EmailChangeIn, TokenIn
from heidi_services.auth.service import email_change, email_verification

blp = Blueprint("email", __name__, description="E-mail addresses: verify, change")
ACCEPTED = {"accepted": True}


@blp.route("/api/v1/auth/email/verify", methods=["POST"])
@public
@blp.arguments(TokenIn)
@blp.response(204)
def verify_email(body: dict[str, Any]) -> None:
    """Verify an e-mail address by a mailed token.

    Send the access token along if the user is signed in: it shows that they have registered the account themselves.
    """
    email_verification.verify_email(body["token"], optional_user_id())


@blp.route("/api/v1/auth/email/resend", methods=["POST"])
@authenticated
@idempotent_outside
@blp.response(202, AcceptedOut)
def resend_verification() -> dict[str, bool]:
    """Send the verification e-mail again."""
    email_verification.resend_verification(caller(), current_device().ip)
    return ACCEPTED


@blp.route("/api/v1/auth/email/change", methods=["POST"])
@authenticated
@idempotent_outside
@blp.arguments(EmailChangeIn)
@blp.response(202, AcceptedOut)
def change_email(body: dict[str, Any]) -> dict[str, bool]:
    """Change your own e-mail address. It is replaced when the link in the e-mail to the new one is confirmed.

    Send your `password`, or sign in within the last ten minutes: 403 `recent_sign_in_required`.
    """
    email_change.request_change(caller(), body["email"], body["password"], current_device())
    return ACCEPTED


@blp.route("/api/v1/auth/email/change/confirm", methods=["POST"])
@public
@blp.arguments(TokenIn)
@blp.response(204)
def confirm_email(body: dict[str, Any]) -> None:
    """Confirm the new address by the mailed token. The old address gets a link that reverts the change for 7 days."""
    email_change.confirm_change(body["token"])


@blp.route("/api/v1/auth/email/change/revert", methods=["POST"])
@public
@blp.arguments(TokenIn)
@blp.response(204)
def revert_email(body: dict[str, Any]) -> None:
    """Restore the old address by the token that was mailed to it, and end all sessions."""
    email_change.revert_change(body["token"])
