"""snake_case inside, camelCase on the wire."""

from functools import cache


@cache
def camel(name: str) -> str:
    """`first_name` -> `firstName`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
