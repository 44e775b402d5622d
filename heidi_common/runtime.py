"""What one app carries with it: settings, and the parts that are made from them on first use."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import cast

import redis
from flask import Flask, current_app
from itsdangerous import Signer

from heidi_common.config.settings import Settings
from heidi_common.crypto.encryption import Sealer
from heidi_common.http_client.client import Client
from heidi_common.jwt.keys import PrivateKeys, PublicKeys
from heidi_common.redis.cache import Cache
from heidi_common.redis.client import connect


class Runtime:
    """Made once an app; each part on first use, so that a process pays (and forks) only for what it needs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def redis(self) -> redis.Redis:
        return connect(self.settings.redis_url)

    @cached_property
    def cache(self) -> Cache:
        return Cache(self.redis, "heidi")

    @cached_property
    def sealer(self) -> Sealer:
        return Sealer(self.settings.encryption_keys)

    @cached_property
    def outbound(self) -> Client:
        return Client(self.settings.outbound_allow_nets)

    @cached_property
    def public_keys(self) -> PublicKeys:
        return PublicKeys(self.settings.jwt_public_keys)

    @cached_property
    def private_keys(self) -> PrivateKeys:
        """Only auth has them; elsewhere asking is a programming error."""
        if self.settings.jwt_private_keys is None:
            raise RuntimeError("JWT_PRIVATE_KEYS is not set: only the auth service signs tokens")
        return PrivateKeys(self.settings.jwt_private_keys)

    def signer(self, salt: str) -> Signer:
        """Signs with `SECRET_KEY`; what was signed under one salt is worth nothing under another."""
        return Signer(self.settings.secret_key, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)


def runtime() -> Runtime:
    """The Runtime of the current app."""
    return cast(Runtime, current_app.extensions["heidi"])


def init_runtime(app: Flask, settings: Settings) -> None:
    app.extensions["heidi"] = Runtime(settings)
