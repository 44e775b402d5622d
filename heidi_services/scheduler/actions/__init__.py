"""The actions that a schedule can perform. To add one: a file in this package and a line in `ACTIONS`."""

from functools import cache
from typing import Any

from marshmallow import ValidationError, fields

from heidi_common.openapi.json_schema import json_schema
from heidi_common.schemas.base import Schema
from heidi_common.schemas.error_pointers import invalid
from heidi_services.scheduler.actions.base import JSON, Action, ActionFailed, ActionResult, RunContext
from heidi_services.scheduler.actions.core_operation import CoreOperationAction
from heidi_services.scheduler.actions.event_emit import EventEmitAction
from heidi_services.scheduler.actions.http_request import HttpRequestAction
from heidi_services.scheduler.actions.integration_sync import IntegrationSyncAction
from heidi_services.scheduler.actions.notification_send import NotificationSendAction

ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        NotificationSendAction(),
        HttpRequestAction(),
        EventEmitAction(),
        IntegrationSyncAction(),
        CoreOperationAction(),
    )
}


def emitting_actions() -> frozenset[str]:
    """The names of the actions that only emit events."""
    return frozenset(name for name, action in ACTIONS.items() if action.emits_only)


def validate_payload(action: str, payload: JSON) -> JSON:
    """Load a payload with its action's schema.

    Raises:
        Invalid: The action cannot use this payload. The error names each wrong field below `/payload`.
    """
    try:
        loaded: JSON = ACTIONS[action].payload().load(payload)
    except ValidationError as error:
        raise invalid(error.messages, "/payload") from None
    return loaded


def perform_action(action: str, context: RunContext, payload: JSON) -> ActionResult:
    """Perform an action with a stored payload.

    Raises:
        ActionFailed: The payload does not fit the action, or the action failed.
    """
    try:
        loaded = _lenient_schema(action).load(payload)
    except (ValidationError, KeyError) as error:
        raise ActionFailed(f"the payload is not valid for the action {action}: {error}", retry=False) from None
    return ACTIONS[action].perform(context, loaded)


@cache
def _lenient_schema(name: str) -> Schema:
    """Coerce integers. Payloads stored before the schema was strict may contain "5" or 5.0; they must still run."""
    schema = ACTIONS[name].payload()
    for field in schema.fields.values():
        if isinstance(field, fields.Integer):
            field.strict = False  # the fields are this schema's own copies
    return schema


def describe_actions() -> list[dict[str, Any]]:
    """List every action with the JSON schema of its payload."""
    return [
        {"name": name, "description": action.about, "payload": json_schema(action.payload())}
        for name, action in ACTIONS.items()
    ]
