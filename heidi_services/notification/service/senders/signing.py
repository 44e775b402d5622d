"""The keys of verified domains. A process reads them once in CACHE_SECONDS, not for each e-mail."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from heidi_common.config.settings import Settings
from heidi_common.crypto.encryption import DecryptionError
from heidi_common.database.session import db
from heidi_common.runtime import per_app
from heidi_services.notification.channels.email_options import DkimKey
from heidi_services.notification.service.senders.domains import list_domains, private_key

CACHE_SECONDS = 10.0
log = logging.getLogger(__name__)


@dataclass
class _KeyCache:
    read_at: float = float("-inf")
    keys: Mapping[str, DkimKey] = field(default_factory=dict)


@per_app
def _cache(_settings: Settings) -> _KeyCache:
    return _KeyCache()


def signing_key(domain: str) -> DkimKey | None:
    """The key of a verified domain; None for every other domain."""
    cache = _cache()
    if time.monotonic() - cache.read_at > CACHE_SECONDS:
        cache.keys, cache.read_at = _read_keys(), time.monotonic()
    return cache.keys.get(domain)


def forget_keys() -> None:
    """Read the keys again when one is needed."""
    _cache().read_at = float("-inf")


def _read_keys() -> dict[str, DkimKey]:
    """A key that cannot be decrypted is left out: e-mails of other domains do not depend on it."""
    keys = {}
    for row in list_domains():
        if row.verified_at is not None:
            try:
                keys[row.domain] = DkimKey(row.domain, row.selector, private_key(row))
            except DecryptionError:
                log.error("the DKIM key of a domain cannot be decrypted", extra={"domain": row.domain})
    db.session.rollback()
    return keys
