"""Register, sign in, refresh, sign out."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request

from heidi_common.interceptors.transform import Blueprint, enveloped
from heidi_common.jwt.guards import authenticated, caller, public
from heidi_services.auth.routes.device import device
from heidi_services.auth.schemas import LoginIn, MfaIn, RefreshIn, RegisterIn, SignedInOut
from heidi_services.auth.service import mfa, registration, sessions, sign_in

LOCALES = ("en", "de")
"""The languages of our own mails; which one a person likes is told by the first request."""

blp = Blueprint("sign-in", __name__, description="Register, sign in, refresh, sign out")


@blp.route("/api/v1/auth/register", methods=["POST"])
@public
@blp.arguments(RegisterIn)
@blp.response(201, SignedInOut)
def register(body: dict[str, Any]) -> Any:
    """201 with tokens; with `AUTH_REGISTRATION=verified` always 202: the e-mail tells."""
    found = registration.register(body | {"locale": request.accept_languages.best_match(LOCALES)}, device())
    return found if found is not None else _accepted()


@blp.route("/api/v1/auth/login", methods=["POST"])
@public
@blp.arguments(LoginIn)
@blp.response(200, SignedInOut)
def login(body: dict[str, Any]) -> dict[str, Any]:
    """Tokens, or `mfaRequired` with an `mfaToken`. One answer for every reason to refuse."""
    return sign_in.sign_in(body["email"], body["password"], device(body["device_label"]))


@blp.route("/api/v1/auth/mfa/verify", methods=["POST"])
@public
@blp.arguments(MfaIn)
@blp.response(200, SignedInOut)
def verify_mfa(body: dict[str, Any]) -> dict[str, Any]:
    """The second half of a sign-in: a code of the app, or a recovery code."""
    return mfa.verify(body["mfa_token"], body["code"], device())


@blp.route("/api/v1/auth/refresh", methods=["POST"])
@public
@blp.arguments(RefreshIn)
@blp.response(200, SignedInOut)
def refresh(body: dict[str, Any]) -> dict[str, Any]:
    """A new pair; the old refresh token is dead (and converges for ten seconds)."""
    return sessions.refresh(body["refresh_token"])


@blp.route("/api/v1/auth/logout", methods=["POST"])
@authenticated
@blp.response(204)
def logout() -> None:
    """End this session on all services."""
    sessions.logout(caller())


@blp.route("/api/v1/auth/logout-all", methods=["POST"])
@authenticated
@blp.response(204)
def logout_all() -> None:
    """End every session of the person on all services."""
    sessions.logout_all(caller())


def _accepted() -> Response:
    response = jsonify(enveloped({"accepted": True}))
    response.status_code = 202
    return response
