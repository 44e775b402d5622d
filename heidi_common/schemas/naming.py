"""Names in JSON: snake_case attributes become camelCase keys."""

from functools import cache


@cache
def camel(name: str) -> str:
    """`first_name` -> `firstName`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
