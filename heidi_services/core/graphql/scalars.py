"""Scalars whose values are passed on as the services write and read them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

from heidi_common.schemas.naming import camel

DateTime = NewType("DateTime", str)
BigInt = NewType("BigInt", int)


def _date_time(value: Any) -> str:
    """Check a time of a client; the service it is passed to checks the range."""
    try:
        if isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None:
            return value
    except ValueError:
        pass
    raise GraphQLError("Must be an ISO 8601 date and time with an offset, such as 2026-01-31T12:00:00Z.")


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise GraphQLError("Must be an integer.")


def member(source: Any, name: str) -> Any:
    """The value of a field: the member of the service's JSON object with the same name in camelCase."""
    return source.get(camel(name))


CONFIG = StrawberryConfig(
    default_resolver=member,
    scalar_map={
        DateTime: strawberry.scalar(
            name="DateTime", description="A time in ISO 8601, in UTC.", serialize=str, parse_value=_date_time
        ),
        BigInt: strawberry.scalar(name="BigInt", description="An integer of up to 64 bits.", parse_value=_integer),
    },
)

__all__ = ["CONFIG", "JSON", "BigInt", "DateTime", "member"]
