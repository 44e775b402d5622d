"""The second factor."""

from __future__ import annotations

from typing import Any

from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated, caller
from heidi_services.auth.routes.reauthentication import recently_signed_in
from heidi_services.auth.schemas import CodeIn, EnrolmentOut, RecoveryOut
from heidi_services.auth.service import mfa

blp = Blueprint("mfa", __name__, description="Second factor: time-based codes and recovery codes")


@blp.route("/api/v1/auth/mfa/totp", methods=["POST"])
@authenticated
@recently_signed_in
@blp.response(200, EnrolmentOut)
def enrol() -> dict[str, Any]:
    """A secret for the app; it counts once it is confirmed.

    403 `recent_sign_in_required` when the session is older than ten minutes: sign in again first.
    """
    return mfa.enrol(caller())


@blp.route("/api/v1/auth/mfa/totp/confirm", methods=["POST"])
@authenticated
@blp.arguments(CodeIn)
@blp.response(200, RecoveryOut)
def confirm(body: dict[str, Any]) -> dict[str, Any]:
    """The first code; shows the ten recovery codes once."""
    return mfa.confirm(caller(), body["code"])


@blp.route("/api/v1/auth/mfa/totp", methods=["DELETE"])
@authenticated
@recently_signed_in
@blp.response(204)
def remove() -> None:
    """Do without the second factor.

    403 `recent_sign_in_required` when the session is older than ten minutes: sign in again first.
    """
    mfa.remove(caller())
