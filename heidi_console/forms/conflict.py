"""What another user has changed while a form was open (412)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from flask_wtf import FlaskForm


@dataclass(frozen=True)
class Change:
    """A field that another user has changed: its label, and its value before and now."""

    label: str
    before: str
    now: str


def snapshot(values: Mapping[str, Any]) -> str:
    """The values of a resource as the form stores them: JSON with a text for each field."""
    return orjson.dumps({name: _text(value) for name, value in values.items() if name != "etag"}).decode()


def changes(form: FlaskForm) -> list[Change]:
    """The fields whose value differs from the one when the form was opened.

    Args:
        form: A submitted form, which was made with the current values.
    """
    before, now = _loads(form.opened.data), _loads(form.opened.object_data)
    return [
        Change(form[name].label.text, before.get(name, ""), value)
        for name, value in now.items()
        if name in form and value != before.get(name, "")
    ]


def _loads(text: Any) -> dict[str, str]:
    """The snapshot; empty if the browser sent something else."""
    try:
        values = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return {}
    return {str(name): str(value) for name, value in values.items()} if isinstance(values, dict) else {}


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
