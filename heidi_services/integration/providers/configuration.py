"""The `config` of an integration: members that all providers have, and those of its provider."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from marshmallow import ValidationError, fields, validate

from heidi_common.messaging.events import CustomEvent, all_event_types, matches
from heidi_common.openapi.json_schema import json_schema
from heidi_common.schemas.base import Schema
from heidi_common.schemas.naming import camel
from heidi_common.schemas.validators import Length
from heidi_services.integration.providers.base import Provider

MAX_DEDUPE_SECONDS = 86_400
_PATTERN = re.compile(r"\*|[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*(\.\*)?")
_CUSTOM_PREFIX = CustomEvent.type.removesuffix("*")


def _event_pattern(value: str) -> None:
    if not _PATTERN.fullmatch(value):
        raise ValidationError("Must be an event type such as user.created, or a pattern such as user.* or *.")
    event_types = [event.type for event in all_event_types()]
    is_custom = value.startswith(_CUSTOM_PREFIX)
    if not is_custom and not any(matches(value, event_type) for event_type in event_types):
        raise ValidationError(f"Matches no event type. The event types are: {', '.join(event_types)}.")


class CommonConfig(Schema):
    """What the `config` of every provider may contain."""

    event_types = fields.List(
        fields.String(validate=_event_pattern),
        validate=Length(max=50),
        metadata={"description": "Which events are forwarded to `webhookUrl`: `user.created`, `user.*` or `*`."},
    )
    dedupe_seconds = fields.Integer(
        strict=True,
        validate=validate.Range(0, MAX_DEDUPE_SECONDS),
        metadata={
            "description": "For how many seconds an equal body without an event ID counts as a repetition (default 0)."
        },
    )


def config_schema(provider: Provider) -> Schema:
    """The schema of a provider's `config`. Unknown members are errors: a misspelled name would have no effect."""
    return _schema_class(provider.name, provider.config_schema)()


@cache
def _schema_class(name: str, own: type[Schema]) -> type[Schema]:
    names = ", ".join(sorted(camel(field) for field in {**CommonConfig().fields, **own().fields}))
    messages = {"unknown": f"Unknown name. The `config` of {name} may contain {names}."}
    return type(f"{name.title()}Config", (CommonConfig, own), {"error_messages": messages})


def config_errors(provider: Provider, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The errors of a `config`, as marshmallow reports them; empty if it is valid."""
    try:
        config_schema(provider).load(config)
    except ValidationError as error:
        messages: Mapping[str, Any] = error.normalized_messages()  # type: ignore[no-untyped-call]
        return messages
    return {}


def describe_provider(provider: Provider) -> dict[str, Any]:
    """What a person or a form needs to know in order to set up an integration."""
    return {
        "name": provider.name,
        "description": provider.description,
        "credentials": list(provider.credential_names),
        "receiver": f"/api/v1/webhooks/{provider.name.lower()}/{{id}}",
        "config": json_schema(config_schema(provider)),
    }
