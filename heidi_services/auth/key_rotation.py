"""Rotation of the signing keys. Each key is published one rotation before it signs."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from heidi_common.database.models import utcnow
from heidi_common.jwt.keys import Jwk, generate_key, public_set
from heidi_common.server.durable_files import replace_durably

RETENTION = timedelta(days=31)
"""How long a previous key is kept: longer than a refresh token lives (as long as its session, 30 days at most)."""


def rotate(keys: list[Jwk], *, drop_previous: bool = False, now: datetime | None = None) -> list[Jwk]:
    """Compute the key set after one rotation.

    Args:
        keys: The current set. Without a `next` key (never rotated before), a new key signs immediately.
        drop_previous: Whether to remove all keys that have signed so far, for example after a leak.
        now: Default: the current time.

    Returns:
        The new set: `current`, the `previous` keys within `RETENTION`, and a new `next`.
    """
    now = now or utcnow()
    upcoming = [key for key in keys if key["state"] == "next"] or [generate_key("next")]
    retired = [] if drop_previous else [_retire(key, now) for key in keys if key["state"] != "next"]
    previous = [key for key in retired if now - datetime.fromisoformat(key["retired_at"]) < RETENTION]
    return [{**upcoming[0], "state": "current"}, *previous, generate_key("next")]


def write(private: str, public: str, keys: list[Jwk]) -> bool:
    """Write a key set to the files that the settings name.

    Args:
        private: The value of JWT_PRIVATE_KEYS: a path, or the keys themselves.
        public: The value of JWT_PUBLIC_KEYS: a path, a URL, or the keys themselves.
        keys: The set to write.

    Returns:
        False if the private keys are inline, so that there is no file to write.
    """
    if private.lstrip().startswith("{"):
        return False
    # The public keys first: no service may receive a token whose key is not published yet.
    if not public.lstrip().startswith("{") and "://" not in public:
        _replace_file(Path(public), json.dumps(public_set(keys)), 0o644)
    _replace_file(Path(private), json.dumps({"keys": keys}, indent=2), 0o600)
    return True


def _retire(key: Jwk, now: datetime) -> Jwk:
    return {**key, "state": "previous", "retired_at": key.get("retired_at", now.isoformat())}


def _replace_file(path: Path, text: str, mode: int) -> None:
    """Replace a file atomically. Its content is never readable with wider permissions than `mode`."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    Path(temporary).chmod(mode)
    if path.exists():
        # The operator may be root; the services that read the file are not.
        os.chown(temporary, path.stat().st_uid, path.stat().st_gid)
    replace_durably(Path(temporary), path)
