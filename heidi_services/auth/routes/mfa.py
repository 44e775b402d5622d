"""Endpoints for enrollment of a second factor."""

from __future__ import annotations

from typing import Any

from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated, caller
from heidi_common.jwt.reauthentication import requires_recent_sign_in
from heidi_services.auth.schemas import CodeIn, EnrollmentOut, RecoveryOut
from heidi_services.auth.service import mfa_enrollment

blp = Blueprint("mfa", __name__, description="Second factor: time-based codes and recovery codes")


@blp.route("/api/v1/auth/mfa/totp", methods=["POST"])
@authenticated
@requires_recent_sign_in
@blp.response(200, EnrollmentOut)
def enroll() -> dict[str, Any]:
    """Create a secret for an authenticator app. It takes effect once it is confirmed.

    403 `recent_sign_in_required` if the session is older than ten minutes: sign in again first.
    """
    return mfa_enrollment.enroll(caller())


@blp.route("/api/v1/auth/mfa/totp/confirm", methods=["POST"])
@authenticated
@blp.arguments(CodeIn)
@blp.response(200, RecoveryOut)
def confirm(body: dict[str, Any]) -> dict[str, Any]:
    """Enable the second factor by its first code. Only this response contains the ten recovery codes."""
    return mfa_enrollment.confirm(caller(), body["code"])


@blp.route("/api/v1/auth/mfa/recovery-codes", methods=["POST"])
@authenticated
@requires_recent_sign_in
@blp.response(200, RecoveryOut)
def regenerate_recovery_codes() -> dict[str, Any]:
    """Replace the recovery codes by ten new ones, which only this response contains.

    403 `recent_sign_in_required` if the session is older than ten minutes: sign in again first.
    """
    return mfa_enrollment.regenerate_recovery_codes(caller())


@blp.route("/api/v1/auth/mfa/totp", methods=["DELETE"])
@authenticated
@requires_recent_sign_in
@blp.response(204)
def remove() -> None:
    """Remove the second factor.

    403 `recent_sign_in_required` if the session is older than ten minutes: sign in again first.
    """
    mfa_enrollment.remove(caller())
