"""Endpoints to register, sign in, refresh and sign out."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request

from heidi_common.interceptors.transform import Blueprint, enveloped
from heidi_common.jwt.guards import authenticated, caller, public
from heidi_services.auth.routes.device import current_device
from heidi_services.auth.schemas import LoginIn, MfaIn, RefreshIn, RegisterIn, SignedInOut
from heidi_services.auth.service import mfa_challenge, refresh, registration, sessions, sign_in

LOCALES = ("en", "de")
"""The languages of the default e-mail templates. A user's language is that of the request that registers them."""

blp = Blueprint("sign-in", __name__, description="Register, sign in, refresh, sign out")


@blp.route("/api/v1/auth/register", methods=["POST"])
@public
@blp.arguments(RegisterIn)
@blp.response(201, SignedInOut)
def register_user(body: dict[str, Any]) -> Any:
    """Register a user.

    201 with tokens; with `AUTH_REGISTRATION=verified` always 202, whether or not the address has an account.
    """
    locale = request.accept_languages.best_match(LOCALES)
    signed_in = registration.register_user(body | {"locale": locale}, current_device())
    return signed_in if signed_in is not None else _accepted()


@blp.route("/api/v1/auth/login", methods=["POST"])
@public
@blp.arguments(LoginIn)
@blp.response(200, SignedInOut)
def login(body: dict[str, Any]) -> dict[str, Any]:
    """Sign in. The response contains tokens, or `mfaRequired` with an `mfaToken`.

    Every rejection has the same response.
    """
    return sign_in.sign_in(body["email"], body["password"], current_device(body["device_label"]))


@blp.route("/api/v1/auth/mfa/verify", methods=["POST"])
@public
@blp.arguments(MfaIn)
@blp.response(200, SignedInOut)
def answer_challenge(body: dict[str, Any]) -> dict[str, Any]:
    """Complete a sign-in by a code of the authenticator app, or by a recovery code."""
    return mfa_challenge.answer_challenge(body["mfa_token"], body["code"], current_device())


@blp.route("/api/v1/auth/refresh", methods=["POST"])
@public
@blp.arguments(RefreshIn)
@blp.response(200, SignedInOut)
def refresh_tokens(body: dict[str, Any]) -> dict[str, Any]:
    """Exchange a refresh token for a new pair of tokens.

    If the response was lost, repeat the request: the old refresh token stays valid until a new one has been used. For
    ten seconds it returns the same new one. Its use after a new one was used counts as theft and ends the session.
    """
    return refresh.refresh_tokens(body["refresh_token"])


@blp.route("/api/v1/auth/logout", methods=["POST"])
@authenticated
@blp.response(204)
def log_out() -> None:
    """End this session. All services reject its tokens."""
    sessions.log_out(caller())


@blp.route("/api/v1/auth/logout-all", methods=["POST"])
@authenticated
@blp.response(204)
def log_out_everywhere() -> None:
    """End all sessions of the user. All services reject their tokens."""
    sessions.log_out_everywhere(caller())


def _accepted() -> Response:
    response = jsonify(enveloped({"accepted": True}))
    response.status_code = 202
    return response
