"""The variables of a template: JSON values that know their JSON pointer (RFC 6901).

Jinja2 would look up `order.items` as a method, and print null, true and objects as Python writes them. Here a name is
always a member of the data, null is the absence of a value, and the others are printed as JSON writes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined
from jinja2.utils import missing

MAX_ITEMS = 1_000


class MissingVariable(Exception):
    """The template uses a variable that was not supplied, or that is null.

    Attributes:
        name: The last part of the variable's name.
        pointer: Where it is missing in the variables, as a JSON pointer such as `/order/items/0/price`.
    """

    def __init__(self, pointer: str, *, is_null: bool = False) -> None:
        parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
        state = "null: use default() or `is defined` if it may be absent" if is_null else "missing"
        super().__init__(f"The variable {'.'.join(parts)} is {state}.")
        self.name, self.pointer = parts[-1], pointer


class RenderingError(Exception):
    """The template cannot be rendered with these variables.

    Attributes:
        pointer: The unsuitable variable as a JSON pointer; empty: unknown.
    """

    def __init__(self, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.pointer = pointer


class Absent(StrictUndefined):
    """A variable that is missing or null. Its use raises MissingVariable; `default()` and `is defined` handle it."""

    def __init__(
        self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: object = None, **where: Any
    ) -> None:
        pointer = where.get("pointer") or f"/{escape_part(name or '?')}"

        def error(_message: str) -> Exception:
            if hint is not None and name is None:
                return RenderingError(hint)
            return MissingVariable(pointer, is_null=where.get("is_null", False))

        super().__init__(hint, obj, name, exc=error)  # type: ignore[arg-type]


class String(str):
    """A string of the variables."""

    pointer = ""


class Integer(int):
    """An integer of the variables."""

    pointer = ""


class Fraction(float):
    """A number with decimals of the variables."""

    pointer = ""


class Boolean(int):
    """true or false; `bool` cannot be extended."""

    pointer = ""

    def __str__(self) -> str:
        return "true" if self else "false"


class Members(dict[str, Any]):
    """An object of the variables."""

    pointer = ""

    def __str__(self) -> str:
        return as_json(self)


class Items(list[Any]):
    """An array of the variables."""

    pointer = ""

    def __str__(self) -> str:
        return as_json(self)


def template_value(value: object, pointer: str = "") -> Any:
    """Convert a JSON value to what templates use.

    Args:
        value: A JSON value. Values of other types are printed as text.
        pointer: Its JSON pointer within the variables.

    Raises:
        RenderingError: A list is too long.
    """
    if value is None:
        return Absent(name=pointer.rpartition("/")[2], pointer=pointer, is_null=True)
    converted = _converted(value, pointer)
    converted.pointer = pointer
    return converted


def _converted(value: object, pointer: str) -> Any:
    if isinstance(value, Mapping):
        return Members({str(name): template_value(member, child(pointer, name)) for name, member in value.items()})
    if isinstance(value, (list, tuple)):
        if len(value) > MAX_ITEMS:
            raise RenderingError(f"A list must not contain more than {MAX_ITEMS} items.", pointer)
        return Items(template_value(item, child(pointer, place)) for place, item in enumerate(value))
    if isinstance(value, bool):
        return Boolean(value)
    if isinstance(value, int):
        return Integer(value)
    return Fraction(value) if isinstance(value, float) else String(value)


def member(parent: object, name: object) -> Any:
    """Look up `parent.name` or `parent[name]` in the data, never among the methods of Python's types.

    Returns:
        The value, or Absent. A member of an absent parent is absent too, so that `default()` handles both.
    """
    if isinstance(parent, Absent):
        return parent
    if isinstance(parent, Members) and str(name) in parent:
        return parent[str(name)]
    if isinstance(parent, (Items, String)) and isinstance(name, int) and -len(parent) <= name < len(parent):
        return parent[name]
    return Absent(name=str(name), pointer=child(pointer_of(parent), name))


def child(pointer: str, name: object) -> str:
    return f"{pointer}/{escape_part(str(name))}"


def escape_part(name: str) -> str:
    """Escape a part of a JSON pointer (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


def pointer_of(value: object) -> str:
    """Return the JSON pointer of a variable; empty for a value that the template has computed."""
    return str(getattr(value, "pointer", ""))


def as_json(value: object) -> str:
    """Write an object or an array as JSON, for a template that prints it as a whole."""
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Members):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, Items):
        return [_plain(item) for item in value]
    if isinstance(value, Boolean):
        return bool(value)
    return None if isinstance(value, Absent) else value
