"""Tokens: auth signs, all seven verify, with one verifier that closes what the library leaves open by default.

RFC 8725: one algorithm (EdDSA), the key by a dictionary lookup of `kid`, issuer, audience, expiry and token type all
required. A mail token or a refresh token is not an access token.
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
from heidi_common.jwt.keys import private_keys, public_keys
from heidi_common.problems import Unauthorized
from heidi_common.runtime import current_settings

Claims = dict[str, Any]
TYPES = {"access": "at+jwt", "refresh": "rt+jwt", "mfa": "mfa+jwt"}
MAX_LENGTH = 4096
ALGORITHM = "EdDSA"
VERIFIED_TOKENS = "heidi_verified_tokens"
MAX_CACHED_TOKENS = 2000
REQUIRED_CLAIMS = ["iss", "aud", "sub", "iat", "exp", "jti", "type"]


def init_jwt(app: Flask, settings: Settings) -> None:
    """Configure flask-jwt-extended: keys are asked for when needed, so that they may rotate."""
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
    """A signed token of the given kind (`access`, `refresh`, `mfa`); only auth has the key to do so."""
    lifetime = timedelta(seconds=seconds or current_settings().access_token_seconds)
    headers = {"typ": TYPES[kind], "kid": private_keys().current()[0]}
    token: str = create_access_token(
        subject, expires_delta=lifetime, additional_claims=claims | {"type": kind}, additional_headers=headers
    )
    return token


def verify(token: str, kind: str = "access") -> Claims:
    """The claims of a good token of that kind; every other input is Unauthorized, whatever is wrong with it."""
    if len(token) > MAX_LENGTH:
        raise _invalid_token()
    try:
        found = _cached(token)
    except pyjwt.ExpiredSignatureError:
        raise Unauthorized("The token has expired.", error="invalid_token") from None
    except (pyjwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _invalid_token() from None
    if found.claims["type"] != kind or found.typ != TYPES[kind]:
        raise _invalid_token()
    return dict(found.claims)


@dataclass(frozen=True)
class _VerifiedToken:
    """A token whose signature and claims were found good. What may change since then is its age and its key."""

    kid: str
    key: Ed25519PublicKey
    typ: object
    claims: Claims

    def holds(self) -> bool:
        return bool(self.claims["exp"] > time.time()) and public_keys().get(self.kid) is self.key


def _cached(token: str) -> _VerifiedToken:
    """Each process verifies a token once: a client sends the same one for a quarter of an hour."""
    known: dict[str, _VerifiedToken] = current_app.extensions[VERIFIED_TOKENS]
    found = known.get(token)
    if found is None or not found.holds():
        found = _verify_signature(token)
        if len(known) >= MAX_CACHED_TOKENS:
            known.clear()
        known[token] = found
    return found


def _verify_signature(token: str) -> _VerifiedToken:
    """By PyJWT itself, once: flask-jwt-extended parses each token three times, and fills in `type` and `jti` where a
    token has none."""
    settings = current_settings()
    kid = json.loads(base64url_decode(token.partition(".")[0]))["kid"]
    key = public_keys().get(kid)
    found = pyjwt.decode_complete(
        token,
        key,
        algorithms=[ALGORITHM],
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        options={"require": REQUIRED_CLAIMS},
    )
    return _VerifiedToken(kid, key, found["header"].get("typ"), found["payload"])


def _invalid_token() -> Unauthorized:
    return Unauthorized("The token is not valid.", error="invalid_token")
