"""The pages that mails link to, for people whose installation has no frontend of its own."""

from __future__ import annotations

from flask import Response

from heidi_common.interceptors.transform import Blueprint
from heidi_common.interceptors.validation import any_query
from heidi_common.jwt.guards import public
from heidi_services.auth import pages

blp = Blueprint("pages", __name__, description="Pages that mails link to")


@blp.route("/verify-email", methods=["GET"])
@public
@any_query
@blp.response(200, content_type="text/html")
def verify_email() -> Response:
    """Sends the token behind `#` to `POST /auth/email/verify`."""
    return pages.show("verify-email")


@blp.route("/reset-password", methods=["GET"])
@public
@any_query
@blp.response(200, content_type="text/html")
def reset_password() -> Response:
    """Sends the token behind `#` and the new password to `POST /auth/password/reset`; without one, asks for a mail."""
    return pages.show("reset-password")
