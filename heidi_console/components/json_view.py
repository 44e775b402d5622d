"""JSON for people."""

from __future__ import annotations

from typing import Any

import orjson


def pretty(value: Any) -> str:
    """A value as indented JSON. A text that is JSON itself is indented too."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return str(value)
    text: bytes = orjson.dumps(value, option=orjson.OPT_INDENT_2)
    return text.decode()
