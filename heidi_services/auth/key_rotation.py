"""Rotating the signing keys: what signs tomorrow is published today."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from heidi_common.database.models import utcnow
from heidi_common.jwt.keys import Jwk, generate_key, public_set

KEEP = timedelta(days=31)
"""A refresh token lives as long as its session, thirty days at most: so long its key must verify."""


def rotate(keys: list[Jwk], *, drop_previous: bool = False, now: datetime | None = None) -> list[Jwk]:
    """The set after one rotation. Without a `next` (never rotated before) a new key signs at once."""
    now = now or utcnow()
    upcoming = [key for key in keys if key["state"] == "next"] or [generate_key("next")]
    old = [_retired(key, now) for key in keys if key["state"] != "next"]
    kept = [key for key in old if now - datetime.fromisoformat(key["retired_at"]) < KEEP]
    fresh = [{**upcoming[0], "state": "current"}, *([] if drop_previous else kept)]
    return [*fresh, generate_key("next")]


def write(private: str, public: str, keys: list[Jwk]) -> bool:
    """Write the set back where it is a file; False when the keys are given inline."""
    if private.lstrip().startswith("{"):
        return False
    # The public side first: nobody may meet a token whose key is not published yet.
    if not public.lstrip().startswith("{") and "://" not in public:
        _replace(Path(public), json.dumps(public_set(keys)), 0o644)
    _replace(Path(private), json.dumps({"keys": keys}, indent=2), 0o600)
    return True


def _retired(key: Jwk, now: datetime) -> Jwk:
    return {**key, "state": "previous", "retired_at": key.get("retired_at", now.isoformat())}


def _replace(path: Path, text: str, mode: int) -> None:
    """All or nothing, and never readable by others in between."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    Path(temporary).chmod(mode)
    if path.exists():
        # The operator may be root; the services that read the file are not.
        os.chown(temporary, path.stat().st_uid, path.stat().st_gid)
    Path(temporary).replace(path)
