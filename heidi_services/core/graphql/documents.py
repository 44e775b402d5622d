"""Documents that are kept by their hash, so that clients need not send them each time.

Two forms are accepted: `documentId` (`sha256:<hex>`), and Apollo's `extensions.persistedQuery.sha256Hash`. A request
with the hash and the document keeps it. Redis keeps documents; without it the client sends the document each time.

Sources: GraphQL over HTTP, appendix "Persisted Documents"; Apollo, "Automatic Persisted Queries".
"""

from __future__ import annotations

import hashlib
from typing import Any

from heidi_common.redis.cache import redis_cache
from heidi_services.core.graphql.errors import rejection

RETENTION_SECONDS = 30 * 86_400
_MAX_BYTES = 65_536


def hash_of(request: dict[str, Any]) -> str | None:
    """The hash by which a request names its document, in lower-case hexadecimal digits; None if it names none."""
    persisted = (request.get("extensions") or {}).get("persistedQuery")
    apollo = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    name = request.get("document_id") or apollo
    return str(name).removeprefix("sha256:").lower() if name else None


def find(digest: str) -> str:
    """Return the document with a hash.

    Raises:
        GraphQLError: `PERSISTED_QUERY_NOT_FOUND`. The client must send the document with its hash.
    """
    document: str | None = redis_cache().get_json(_key(digest)) if len(digest) == 64 else None
    if document is None:
        raise rejection("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
    return document


def check_hash(document: str, digest: str) -> None:
    """Raise `bad_hash` if the hash is not that of the document."""
    if hashlib.sha256(document.encode()).hexdigest() != digest:
        raise rejection("bad_hash", "The hash is not the SHA-256 hash of the document.")


def keep(document: str, digest: str) -> None:
    """Keep a document for RETENTION_SECONDS after its last use with its text."""
    if len(document.encode()) <= _MAX_BYTES:
        redis_cache().set_json(_key(digest), document, RETENTION_SECONDS)


def _key(digest: str) -> str:
    return f"graphql:{digest}"
