"""Events as JSON. Their encrypted data is never serialized."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from heidi_common.schemas.fields import iso
from heidi_common.schemas.naming import camel

FIELDS = ("id", "type", "subject", "user_id", "data", "request_id", "position", "created_at")


def event_json(row: Mapping[str, Any]) -> str:
    """Serialize a row of the outbox to one line of JSON, with the same fields as in lists."""
    event = {camel(name): row[name] for name in FIELDS}
    return orjson.dumps(event | {"createdAt": iso(row["created_at"])}).decode()
