"""The signed-in user and the tokens of the API. Tokens never leave the server."""

from __future__ import annotations

import time
from typing import Any, cast

from flask import current_app, session

from heidi_common.redis.client import redis_client
from heidi_common.redis.lock import Lock, LockNotAcquired
from heidi_common.runtime import current_settings
from heidi_console.api.problems import ApiProblem, ApiUnavailable
from heidi_console.api.transport import ApiCall, send
from heidi_console.session import store
from heidi_console.session.cookie import ConsoleSession
from heidi_console.session.problems import SessionEnded, SessionsUnavailable

MARGIN_SECONDS = 20
"""A token is refreshed this long before it expires, so that it does not expire on the way."""


def current_user() -> dict[str, Any] | None:
    """The user as auth describes it (`id`, `email`, `role`, ...); None if the user is not signed in."""
    tokens = _session().tokens
    return tokens["user"] if tokens else None


def user_id() -> str:
    """The ID of the signed-in user.

    Raises:
        SessionEnded: The user is not signed in.
    """
    user = current_user()
    if user is None:
        raise SessionEnded
    return str(user["id"])


def sign_in(response: dict[str, Any]) -> None:
    """Start a signed-in session under a new ID.

    Args:
        response: The response of auth to a sign-in, with user and tokens.
    """
    current = _session()
    session_id = current.replace_id()
    current.tokens = _tokens(response)
    _save(session_id, current.tokens)


def remember_user(user: dict[str, Any]) -> None:
    """Store changes of the own profile, so that pages show them."""
    current = _session()
    if current.id and current.tokens:
        current.tokens = current.tokens | {"user": current.tokens["user"] | user}
        _save(current.id, current.tokens)


def sign_out() -> None:
    """End the session here and in the API, where all services reject its tokens from then on."""
    current = _session()
    if current.tokens:
        try:
            send(ApiCall("POST", "/auth/logout"), current.tokens["access"])
        except ApiProblem as problem:
            if problem.status != 401:
                raise
    delete_session()


def delete_session() -> None:
    """Delete the session of this browser. It continues with a new, anonymous one."""
    current = _session()
    if current.id:
        store.delete(current.id)
    kept = {name: current[name] for name in ("theme", "locale") if name in current}
    current.id, current.tokens, current.is_new = None, None, True
    current.clear()
    current.update(kept)


def access_token() -> str:
    """An access token that is valid for some seconds.

    Raises:
        SessionEnded: The user is not signed in, or the session has ended.
        ApiProblem: Auth is unavailable.
    """
    tokens = _session().tokens
    if tokens is None:
        raise SessionEnded
    if tokens["expires"] - MARGIN_SECONDS > time.time():
        return cast(str, tokens["access"])
    return refresh(tokens["access"])


def refresh(used: str) -> str:
    """Replace an access token. One request refreshes at a time; the others use its result.

    Args:
        used: The access token that has expired or was rejected.

    Raises:
        SessionEnded: The session has ended.
        ApiProblem: Auth is unavailable.
    """
    current = _session()
    if current.id is None:
        raise SessionEnded
    try:
        with Lock(redis_client(), f"console:refresh:{current.id}", ttl=30, wait=25):
            current.tokens = (store.load(current.id) or {}).get(store.TOKENS)
            if current.tokens is None:
                raise SessionEnded
            if current.tokens["access"] == used:
                current.tokens = _refreshed(current.tokens)
                _save(current.id, current.tokens)
    except LockNotAcquired as error:
        raise SessionsUnavailable from error
    return cast(str, current.tokens["access"])


def _refreshed(tokens: dict[str, Any]) -> dict[str, Any]:
    try:
        response = send(ApiCall("POST", "/auth/refresh", json={"refreshToken": tokens["refresh"]}))
    except ApiUnavailable:
        raise
    except ApiProblem as problem:
        if problem.status in (401, 403):
            raise SessionEnded from problem
        raise
    return _tokens(response.data, tokens["user"])


def _tokens(response: dict[str, Any], user: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "access": response["accessToken"],
        "refresh": response["refreshToken"],
        "expires": time.time() + response["expiresIn"],
        "user": (user or {}) | (response.get("user") or {}),
    }


def _save(session_id: str, tokens: dict[str, Any]) -> None:
    store.save(session_id, store.TOKENS, tokens, seconds=current_settings().session_idle_seconds)


def _session() -> ConsoleSession:
    """Flask's session of this request.

    Raises:
        SessionsUnavailable: Redis is unavailable.
    """
    current = cast(ConsoleSession, session._get_current_object())  # type: ignore[attr-defined]
    if current.unavailable and current_app:
        raise SessionsUnavailable
    return current
