"""Access tokens of a Google service account, for a signed assertion (RFC 7523).

https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from heidi_common.http_client.errors import OutboundError
from heidi_services.notification.channels.http_provider import json_object

if TYPE_CHECKING:
    import requests

    from heidi_common.http_client.client import HttpClient

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_SECONDS = 3600
_TIMEOUT_SECONDS = 10.0
"""With the call that sends the message, far less than the lease of a message."""
_RENEW_SECONDS = 300
"""A token is renewed by one thread this long before it expires, while the others use it."""
_MARGIN_SECONDS = 30
"""A token is not used in the last seconds of its life."""


class TokenUnavailable(Exception):
    """There is no access token. `is_rejected`: Google rejects the service account, so that repeating does not help."""

    def __init__(self, detail: str, *, is_rejected: bool = False) -> None:
        super().__init__(detail)
        self.is_rejected = is_rejected


@dataclass(frozen=True)
class _Token:
    value: str
    expires_at: float
    """In seconds of `time.monotonic()`."""


class ServiceAccountTokens:
    """The current access token of a service account. Safe for threads; none waits for the request of another.

    Args:
        account: The content of the service account's JSON file.
        client: The HTTP client for the requests.

    Raises:
        ValueError: The private key of the account is not a PEM key.
    """

    def __init__(self, account: Mapping[str, Any], client: HttpClient) -> None:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        self._account, self._client = account, client
        self._key: Any = load_pem_private_key(account["private_key"].encode(), None)
        self._token: _Token | None = None
        self._renewing = threading.Lock()

    def access_token(self) -> str:
        """Return the cached token, or request one.

        Raises:
            TokenUnavailable: The token server cannot be reached, or did not return a token.
        """
        token = self._token
        if token is None or token.expires_at - time.monotonic() < _MARGIN_SECONDS:
            return self._request()
        if token.expires_at - time.monotonic() < _RENEW_SECONDS and self._renewing.acquire(blocking=False):
            self._renew()
        return (self._token or token).value

    def discard(self, value: str) -> None:
        """Forget a token that was rejected."""
        token = self._token
        if token is not None and token.value == value:
            self._token = None

    def _renew(self) -> None:
        """Request a token while the current one is valid, so that a failure does not matter yet."""
        try:
            self._request()
        except TokenUnavailable:
            return
        finally:
            self._renewing.release()

    def _request(self) -> str:
        form = {"grant_type": _GRANT_TYPE, "assertion": self._assertion()}
        url = str(self._account["token_uri"])
        try:
            response = self._client.request("POST", url, data=form, timeout=_TIMEOUT_SECONDS, trusted=True)
        except OutboundError as error:
            raise TokenUnavailable(f"token request: {type(error).__name__}: {error.detail}") from error
        self._token = _read_token(response)
        return self._token.value

    def _assertion(self) -> str:
        import jwt

        now = int(time.time())
        claims = {
            "iss": self._account["client_email"],
            "scope": SCOPE,
            "aud": self._account["token_uri"],
            "iat": now,
            "exp": now + _ASSERTION_SECONDS,
        }
        key_id = self._account.get("private_key_id")
        return jwt.encode(claims, self._key, "RS256", headers={"kid": key_id} if key_id else None)


def _read_token(response: requests.Response) -> _Token:
    body, status = json_object(response), response.status_code
    if status != 200:
        detail = f"{body.get('error')}: {body.get('error_description')}" if body else response.text
        is_temporary = status == 429 or status >= 500
        raise TokenUnavailable(f"token request: {status} {detail}", is_rejected=not is_temporary)
    value, seconds = body.get("access_token"), body.get("expires_in")
    if not isinstance(value, str) or not isinstance(seconds, int):
        raise TokenUnavailable("token request: the response contains no token")
    return _Token(value, time.monotonic() + seconds)
