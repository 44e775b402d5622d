"""The event types with their JSON Schemas and examples, derived from the classes in `events.py`.

`python -m heidi_common.messaging.event_catalog` prints docs/events.md.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from heidi_common.messaging.events import Event, all_event_types, wire_name

JSON = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
EXAMPLE_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
EXAMPLE_TIME = "2026-01-31T12:00:00.000Z"

EXAMPLES: JSON = {
    "role": "USER",
    "changed": ("locale",),
    "attachedUntil": EXAMPLE_TIME,
    "scheduledFor": EXAMPLE_TIME,
    "channel": "EMAIL",
    "notificationType": "INFO",
    "category": "billing",
    "template": "welcome",
    "locale": "en",
    "country": "DE",
    "trigger": "CRON",
    "status": "SUCCEEDED",
    "provider": "STRIPE",
    "providerEventType": "invoice.paid",
    "operation": "onboard-user",
    "name": "custom.order-paid",
    "payload": {"orderId": "A-17"},
    "contentType": "image/png",
    "reason": "failing",
    "city.changed": ("population",),
    "monitor.reason": "OVERDUE",
    "notification.reason": "timeout",
    "file.status": "SCANNING",
    "file.signature": "Eicar-Test-Signature",
}
"""Values of fields in the examples, by their names in JSON, if need be with the first part of the type.

The others follow from the Python type.
"""


@dataclass(frozen=True)
class EventType:
    """What is documented of an event type.

    Attributes:
        type: The type, as subscribers name it; `custom.*` stands for all types that users define.
        version: Increases when a member of `data` is removed or gets another meaning. New members do not change it.
        description: What has happened, or is requested.
        is_request: Whether the event requests an action.
        schema: The JSON Schema of `data`.
        example: An example of `data`.
    """

    type: str
    version: int
    description: str
    is_request: bool
    schema: JSON
    example: JSON


@cache
def event_types() -> tuple[EventType, ...]:
    """The event types, in alphabetical order."""
    return tuple(sorted((_describe(kind) for kind in all_event_types()), key=lambda item: item.type))


def _describe(kind: type[Event]) -> EventType:
    return EventType(
        type=kind.type,
        version=kind.version,
        description=_description(kind),
        is_request=kind.answered_by is not None,
        schema=_schema(kind),
        example=_example(kind),
    )


def _description(kind: type[Event]) -> str:
    """The docstring of the class, or that of its base: classes of a family share one."""
    for candidate in kind.__mro__:
        text = inspect.cleandoc(candidate.__doc__ or "")
        if text and not text.startswith(f"{candidate.__name__}("):  # what dataclass() writes without a docstring
            return " ".join(text.split())
    return ""


def _schema(kind: type[Event]) -> JSON:
    hints = get_type_hints(kind)
    properties = {wire_name(field.name): _type_schema(hints[field.name]) for field in fields(kind)}
    required = [wire_name(field.name) for field in fields(kind) if _is_required(field)]
    return {"$schema": DIALECT, "type": "object", "properties": properties, "required": required}


def _is_required(field: Field[Any]) -> bool:
    """Members without a value are left out."""
    return field.default is MISSING or field.default is not None


def _type_schema(hint: Any) -> JSON:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _type_schema(next(item for item in get_args(hint) if item is not type(None)))
    if origin in (tuple, list):
        return {"type": "array", "items": _type_schema(get_args(hint)[0])}
    if origin is dict:
        return {"type": "object"}
    if hint is UUID:
        return {"type": "string", "format": "uuid"}
    return {"type": {str: "string", bool: "boolean", int: "integer", float: "number"}[hint]}


def _example(kind: type[Event]) -> JSON:
    """The data of an instance, so that the example is what the platform would send."""
    hints = get_type_hints(kind)
    family = kind.type.partition(".")[0]
    values = {field.name: _example_value(family, wire_name(field.name), hints[field.name]) for field in fields(kind)}
    return kind(**values).data()


def _example_value(family: str, name: str, hint: Any) -> Any:
    for key in (f"{family}.{name}", name):
        if key in EXAMPLES:
            return EXAMPLES[key]
    schema = _type_schema(hint)
    if schema.get("format") == "uuid":
        return EXAMPLE_ID
    by_type = {"string": name, "boolean": True, "integer": 3, "number": 1.5, "array": (), "object": {}}
    return by_type[schema["type"]]


INTRODUCTION = """\
# Events

<!-- Generated by `make events` from heidi_common/messaging/events.py. Do not edit. -->

What the platform announces: in the event log (`GET /core/events`, `GET /core/events/stream`) and to the webhooks of
integrations whose `eventTypes` match. `GET /core/event-types` returns the same catalog as JSON.

An event has `id`, `type`, `subject` (the ID of what it is about), `userId` (null if it does not concern a single
user), `createdAt` and `data`, whose members the tables list. Members without a value are left out; ignore those that
you do not know. The version of a type increases when a member is removed or gets another meaning. Events never contain
addresses, texts or secrets: read them with the API.
"""


def markdown() -> str:
    """The whole document."""
    return "\n".join([INTRODUCTION, *("\n".join(_section(item)) for item in event_types())])


def _section(item: EventType) -> Iterator[str]:
    yield f"## {item.type}\n"
    request = " A request: a service carries it out." if item.is_request else ""
    yield f"Version {item.version}. {item.description}{request}\n"
    yield "| member | type | |"
    yield "|---|---|---|"
    for name, schema in item.schema["properties"].items():
        kind = schema.get("format", schema["type"])
        yield f"| `{name}` | {kind} | {'' if name in item.schema['required'] else 'optional'} |"
    yield f"\n```json\n{json.dumps(item.example, indent=2)}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
