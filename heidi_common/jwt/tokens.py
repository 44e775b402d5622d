"""Sign and verify tokens. The auth service signs them; every service verifies them with `verify`.

Source: RFC 8725 (JWT Best Current Practices). There is a single algorithm (EdDSA), `kid` selects one of the known keys,
and issuer, audience, expiry and token type are required, so that a refresh token is not accepted as an access token.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt as pyjwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask, current_app
from flask_jwt_extended import JWTManager, create_access_token
from jwt.utils import base64url_decode

from heidi_common.config.settings import Settings
from heidi_common.crypto.clock_skew import LEEWAY_SECONDS
from heidi_common.jwt.keys import public_keys
from heidi_common.jwt.signing_keys import private_keys
from heidi_common.problems import Unauthorized
from heidi_common.runtime import current_settings

Claims = dict[str, Any]
TOKEN_TYPES = {"access": "at+jwt", "refresh": "rt+jwt", "mfa": "mfa+jwt"}
"""Kind of token (its claim `type`) -> its header `typ`."""
MAX_TOKEN_LENGTH = 4096
ALGORITHM = "EdDSA"
VERIFIED_TOKENS = "heidi_verified_tokens"
MAX_CACHED_TOKENS = 2000
REQUIRED_CLAIMS = ["iss", "aud", "sub", "iat", "exp", "jti", "type"]


def init_jwt(app: Flask, settings: Settings) -> None:
    """Configure flask-jwt-extended. It asks for the signing key at each signature, so that keys can rotate."""
    app.config.update(
        JWT_ALGORITHM=ALGORITHM,
        JWT_ENCODE_ISSUER=settings.jwt_issuer,
        JWT_ENCODE_AUDIENCE=settings.jwt_audience,
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(seconds=settings.access_token_seconds),
        JWT_ENCODE_NBF=False,
        JWT_TOKEN_LOCATION=["headers"],
        JWT_COOKIE_CSRF_PROTECT=False,
    )
    app.extensions[VERIFIED_TOKENS] = {}
    manager = JWTManager(app)
    manager.encode_key_loader(lambda _identity: private_keys().current()[1])


def sign(subject: str, kind: str, claims: Claims, *, seconds: int | None = None) -> str:
    """Sign a token with the current key.

    Args:
        subject: The ID of the user or machine client: the claim `sub`.
        kind: `access`, `refresh` or `mfa`: the claim `type`.
        claims: Further claims.
        seconds: The lifetime; that of an access token by default.

    Returns:
        The token in compact serialization.

    Raises:
        RuntimeError: This service has no signing keys.
    """
    lifetime = timedelta(seconds=seconds or current_settings().access_token_seconds)
    headers = {"typ": TOKEN_TYPES[kind], "kid": private_keys().current()[0]}
    token: str = create_access_token(
        subject, expires_delta=lifetime, additional_claims=claims | {"type": kind}, additional_headers=headers
    )
    return token


def verify(token: str, kind: str = "access") -> Claims:
    """Verify the signature and the standard claims of a token. Times may deviate by LEEWAY_SECONDS.

    Args:
        token: The token in compact serialization, from an untrusted source.
        kind: The expected kind: `access`, `refresh` or `mfa`.

    Returns:
        A copy of its claims.

    Raises:
        Unauthorized: The token is malformed, expired, of another kind, or not signed by a known key.
        Unavailable: No public keys could be read yet.
    """
    if len(token) > MAX_TOKEN_LENGTH:
        raise _invalid_token()
    try:
        verified = _verify_cached(token)
    except pyjwt.ExpiredSignatureError:
        raise Unauthorized("The token has expired.", error="invalid_token") from None
    except (pyjwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _invalid_token() from None
    if verified.claims["type"] != kind or verified.typ != TOKEN_TYPES[kind]:
        raise _invalid_token()
    return dict(verified.claims)


@dataclass(frozen=True)
class _VerifiedToken:
    """A token with a valid signature and valid claims. Only its expiry and its key can invalidate it later."""

    kid: str
    key: Ed25519PublicKey
    typ: object
    claims: Claims

    def is_still_valid(self) -> bool:
        is_current = self.claims["exp"] > time.time() - LEEWAY_SECONDS
        return bool(is_current) and public_keys().get(self.kid) is self.key


def _verify_cached(token: str) -> _VerifiedToken:
    """Each process verifies a signature once: a client sends the same token until it expires."""
    cache: dict[str, _VerifiedToken] = current_app.extensions[VERIFIED_TOKENS]
    verified = cache.get(token)
    if verified is None or not verified.is_still_valid():
        verified = _verify_signature(token)
        if len(cache) >= MAX_CACHED_TOKENS:
            cache.clear()
        cache[token] = verified
    return verified


def _verify_signature(token: str) -> _VerifiedToken:
    """PyJWT is called directly: flask-jwt-extended parses each token three times, and adds a missing `type` or `jti`
    instead of rejecting the token."""
    settings = current_settings()
    kid = json.loads(base64url_decode(token.partition(".")[0]))["kid"]
    key = public_keys().get(kid)
    decoded = pyjwt.decode_complete(
        token,
        key,
        algorithms=[ALGORITHM],
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        leeway=LEEWAY_SECONDS,
        options={"require": REQUIRED_CLAIMS},
    )
    return _VerifiedToken(kid, key, decoded["header"].get("typ"), decoded["payload"])


def _invalid_token() -> Unauthorized:
    return Unauthorized("The token is not valid.", error="invalid_token")
