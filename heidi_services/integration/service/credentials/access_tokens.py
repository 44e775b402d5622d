"""Access tokens by OAuth 2 client credentials, for endpoints behind a gateway.

Source: RFC 6749, sections 2.3.1 and 4.4; RFC 8705 for clients that authenticate by their certificate.
"""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Any
from urllib.parse import quote

import orjson

from heidi_common.http_client.client import http_client
from heidi_common.http_client.errors import OutboundError
from heidi_services.integration.endpoint_auth import EndpointAuth, basic_credentials

TIMEOUT_SECONDS = 5
MAX_BYTES = 64 * 1024
EXPIRY_LEEWAY_SECONDS = 30
DEFAULT_LIFETIME_SECONDS = 300
MAX_LIFETIME_SECONDS = 24 * 3600
MAX_TOKENS = 1000


class TokenRequestFailed(Exception):
    """The authorization server issued no token. The message is shown to the owner; it contains no secret."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"token request: {detail}")


_tokens: dict[bytes, tuple[str, float]] = {}
_lock = threading.Lock()


def access_token(auth: EndpointAuth) -> str | None:
    """A valid access token, cached in this process until shortly before it expires.

    No lock is held during the request, so that a slow server delays only those who need its token.

    Returns:
        None unless the type is `oauth2`.

    Raises:
        TokenRequestFailed: The server issued no token.
    """
    if auth.type != "oauth2":
        return None
    key = _key(auth)
    with _lock:
        token, expires_at = _tokens.get(key, ("", 0.0))
    if time.monotonic() < expires_at:
        return token
    token, lifetime = _request_token(auth)
    with _lock:
        if len(_tokens) >= MAX_TOKENS:
            _tokens.pop(next(iter(_tokens)))
        _tokens[key] = (token, time.monotonic() + lifetime - EXPIRY_LEEWAY_SECONDS)
    return token


def discard(auth: EndpointAuth, token: str) -> None:
    """Remove a token that the endpoint has rejected, unless another thread has replaced it."""
    with _lock:
        if _tokens.get(_key(auth), ("", 0.0))[0] == token:
            del _tokens[_key(auth)]


def _key(auth: EndpointAuth) -> bytes:
    """Equal settings share a token; the settings themselves, which contain secrets, are not kept."""
    parts = (auth.token_url, auth.client_id, auth.client_secret, auth.client_key, auth.scope, auth.audience)
    return hashlib.sha256(orjson.dumps(parts)).digest()


def _request_token(auth: EndpointAuth) -> tuple[str, float]:
    """Fetch a token; returns it with its lifetime in seconds."""
    assert auth.token_url is not None
    form, headers = _form(auth), {"Accept": "application/json"}
    if auth.client_secret is not None and auth.client_auth == "basic":
        # Both are form-encoded first: either may contain a colon.
        pair = (quote(auth.client_id or "", safe=""), quote(auth.client_secret, safe=""))
        headers["Authorization"] = f"Basic {basic_credentials(*pair)}"
    else:
        form["client_id"] = auth.client_id or ""
        form |= {"client_secret": auth.client_secret} if auth.client_secret else {}
    certificate = auth.certificate if auth.token_url.startswith("https://") else None
    try:
        response = http_client().request(
            "POST",
            auth.token_url,
            data=form,
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            max_bytes=MAX_BYTES,
            certificate=certificate,
        )
    except OutboundError as error:
        raise TokenRequestFailed(f"{type(error).__name__}: {error}") from None
    return _parse(response.status_code, response.content)


def _form(auth: EndpointAuth) -> dict[str, str]:
    optional = {"scope": auth.scope, "audience": auth.audience}
    return {"grant_type": "client_credentials"} | {name: value for name, value in optional.items() if value}


def _parse(status: int, body: bytes) -> tuple[str, float]:
    try:
        answer: Any = orjson.loads(body)
    except ValueError:
        answer = {}
    answer = answer if isinstance(answer, dict) else {}
    if not 200 <= status < 300:
        code = answer.get("error")
        raise TokenRequestFailed(f"returned {status}" + (f" ({code[:100]})" if isinstance(code, str) else ""))
    token = answer.get("access_token")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise TokenRequestFailed("the response has no `access_token`")
    if str(answer.get("token_type", "bearer")).lower() != "bearer":
        raise TokenRequestFailed("the token is not of the type Bearer")
    return token, _lifetime(answer.get("expires_in"))


def _lifetime(expires_in: Any) -> float:
    """Some servers send the number as text. Without a usable one, a token is used for five minutes."""
    try:
        seconds = float(expires_in)
    except (TypeError, ValueError):
        return DEFAULT_LIFETIME_SECONDS
    return min(seconds, MAX_LIFETIME_SECONDS) if seconds > 0 else DEFAULT_LIFETIME_SECONDS
