"""Authenticate requests: from the Authorization header to a caller, before a view runs."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from flask import current_app, request
from sqlalchemy.exc import SQLAlchemyError

from heidi_common.identity import revocation
from heidi_common.jwt import tokens
from heidi_common.jwt.guards import Caller, guard_of
from heidi_common.peers.signature import signed_requester
from heidi_common.problems import Forbidden, Unauthorized
from heidi_common.runtime import current_request, current_state


def enforce_guards() -> None:
    """Authenticate and authorize the caller (a before_request hook). It runs before the body is read.

    Raises:
        Unauthorized: The route is not public, and the request has no valid access token.
        Forbidden: The guard of the route does not admit the caller.
    """
    current = current_request()
    if current.endpoint is None or current.method == "OPTIONS":
        return
    guard = guard_of(current_app.view_functions[current.endpoint])
    if guard is None or guard.public:
        return
    caller = current_state().caller = _with_requester(authenticate(bearer_token()))
    if not guard.admits(caller):
        raise Forbidden("Your role or scopes do not permit this request.")


def authenticate(token: str) -> Caller:
    """Find the caller of an access token.

    Args:
        token: The access token, from an untrusted source.

    Returns:
        The user or machine client that the token was issued to.

    Raises:
        Unauthorized: The token is invalid or expired, its session has ended, or its user or client is not active.
        Unavailable: No public keys could be read yet.
    """
    caller = Caller(tokens.verify(token))
    try:
        is_active = _is_active(caller)
    except (KeyError, ValueError, TypeError, AttributeError):
        raise Unauthorized("The token is not valid.", error="invalid_token") from None
    if not is_active:
        raise Unauthorized("The session has ended.", error="invalid_token")
    return caller


def authenticate_if_present() -> Caller | None:
    """The caller of a public route, if the request has an access token; it is then also limited as a caller.

    Raises:
        Unauthorized: The request has an invalid token.
    """
    if "Authorization" not in request.headers:
        return None
    caller = current_state().caller = _with_requester(authenticate(bearer_token()))
    return caller


def has_admin_token() -> bool:
    """Whether the current request, which may be to a public route, carries the access token of an ADMIN.

    A token that is invalid counts as none. So does one that cannot be verified, because the database is unavailable.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        return scheme.lower() == "bearer" and authenticate(token).is_admin
    except (Unauthorized, SQLAlchemyError):
        return False


def optional_user_id() -> UUID | None:
    """The user whose valid access token the current request, which may be to a public route, carries; else None."""
    try:
        caller = authenticate(bearer_token())
    except Unauthorized:
        return None
    return caller.id if caller.kind == "user" else None


def bearer_token() -> str:
    """Read the access token of the Authorization header.

    Raises:
        Unauthorized: The header is missing or malformed.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized("Send an access token in the header `Authorization: Bearer <token>`.")
    if not token or " " in token:
        raise Unauthorized("`Authorization` must consist of `Bearer`, a space and the token.", error="invalid_token")
    return token


def _with_requester(caller: Caller) -> Caller:
    """Add the user on whose behalf core calls. A user always acts for themselves."""
    requester = signed_requester(request.headers) if caller.kind == "client" else None
    return caller if requester is None else replace(caller, on_behalf_of=requester)


def _is_active(caller: Caller) -> bool:
    if caller.kind == "client":
        return revocation.is_client_active(caller.id)
    assert caller.session_id is not None and caller.role is not None
    return revocation.is_session_active(caller.session_id, caller.id, int(caller.claims["ver"]))
