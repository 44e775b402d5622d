"""The pages that e-mails link to, for installations without their own frontend (FRONTEND_URL)."""

from __future__ import annotations

from flask import Response

from heidi_common.interceptors.transform import Blueprint
from heidi_common.interceptors.validation import any_query
from heidi_common.jwt.guards import public
from heidi_services.auth import pages

blp = Blueprint("pages", __name__, description="Pages that e-mails link to")


@blp.route("/verify-email", methods=["GET"])
@public
@any_query
@blp.response(200, content_type="text/html")
def show_verify_email() -> Response:
    """Show the page that sends the token after `#` to `POST /auth/email/verify`."""
    return pages.render("verify-email")


@blp.route("/confirm-email", methods=["GET"])
@public
@any_query
@blp.response(200, content_type="text/html")
def show_confirm_email() -> Response:
    """Show the page that sends the token after `#` to `POST /auth/email/change/confirm`."""
    return pages.render("confirm-email")


@blp.route("/revert-email", methods=["GET"])
@public
@any_query
@blp.response(200, content_type="text/html")
def show_revert_email() -> Response:
    """Show the page that sends the token after `#` to `POST /auth/email/change/revert`."""
    return pages.render("revert-email")


@blp.route("/reset-password", methods=["GET"])
@public
@any_query
@blp.response(200, content_type="text/html")
def show_reset_password() -> Response:
    """Show the page that sends the token after `#` and a new password to `POST /auth/password/reset`.

    Without a token, it offers to send a reset e-mail.
    """
    return pages.render("reset-password")
