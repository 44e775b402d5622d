"""How a fact looks from outside; what was sealed beside it stays where it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from heidi_common.schemas.fields import iso
from heidi_common.schemas.naming import camel

FIELDS = ("id", "type", "subject", "user_id", "data", "request_id", "position", "created_at")


def event_json(row: Mapping[str, Any]) -> str:
    """One line of JSON, the same fields as in lists."""
    found = {camel(name): row[name] for name in FIELDS}
    return orjson.dumps(found | {"createdAt": iso(row["created_at"])}).decode()
