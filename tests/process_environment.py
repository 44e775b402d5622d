"""The environment of a process of the platform that a test starts."""

from __future__ import annotations

import os

from heidi_common.config.settings import Settings


def process_environment(settings: Settings, **others: str) -> dict[str, str]:
    """The environment of the tests, with the variables that every process requires, and others."""
    return os.environ | {
        "HEIDI_ENV": "test",
        "DATABASE_URL": settings.database_url,
        "DATABASE_DIRECT_URL": settings.database_direct_url,
        "REDIS_URL": settings.redis_url,
        "BROKER_URL": settings.broker_url,
        "PUBLIC_BASE_URL": settings.public_base_url,
        "SECRET_KEY": settings.secret_key,
        "ENCRYPTION_KEYS": ",".join(settings.encryption_keys),
        "JWT_PUBLIC_KEYS": settings.jwt_public_keys,
        **others,
    }
