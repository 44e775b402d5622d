"""What a schedule can do: one file and one line here for each action."""

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import ValidationError, fields

from heidi_common.interceptors.validation import invalid
from heidi_common.openapi.documents import whole_pattern
from heidi_common.schemas.base import Schema
from heidi_services.scheduler.actions.base import JSON as JSON
from heidi_services.scheduler.actions.base import Action as Action
from heidi_services.scheduler.actions.base import ActionFailed as ActionFailed
from heidi_services.scheduler.actions.base import Order as Order
from heidi_services.scheduler.actions.base import Outcome as Outcome
from heidi_services.scheduler.actions.base import derived_id as derived_id
from heidi_services.scheduler.actions.core_operation import OperationAction
from heidi_services.scheduler.actions.event_emit import EventAction
from heidi_services.scheduler.actions.http_request import HttpAction
from heidi_services.scheduler.actions.integration_sync import SyncAction
from heidi_services.scheduler.actions.notification_send import NotificationAction

ACTIONS: dict[str, Action] = {
    "notification.send": NotificationAction(),
    "http.request": HttpAction(),
    "event.emit": EventAction(),
    "integration.sync": SyncAction(),
    "core.operation": OperationAction(),
}


def check_payload(action: str, payload: JSON) -> JSON:
    """The payload as its action reads it; refuses what the action cannot work with, naming the fields."""
    try:
        loaded: JSON = ACTIONS[action].payload().load(payload)
    except ValidationError as error:
        raise invalid(error.messages, "/payload") from None
    return loaded


def perform(action: str, order: Order, payload: JSON) -> Outcome:
    """Carry out an order; raises ActionFailed."""
    try:
        loaded = _of_any_age(ACTIONS[action]).load(payload)
    except (ValidationError, KeyError) as error:
        raise ActionFailed(f"the payload does not fit the action: {error}", retry=False) from None
    return ACTIONS[action].perform(order, loaded)


def _of_any_age(action: Action) -> Schema:
    """Strict about numbers is who saves; a schedule of before still runs, with its "5" or 5.0 read as 5."""
    schema = action.payload()
    for field in schema.fields.values():
        if isinstance(field, fields.Integer):
            field.strict = False  # the fields are this schema's own copies
    return schema


def described() -> list[dict[str, Any]]:
    """Every action with the JSON schema of its payload."""
    return [
        {"name": name, "description": action.about, "payload": _json_schema(action)} for name, action in ACTIONS.items()
    ]


def _json_schema(action: Action) -> JSON:
    plugin = MarshmallowPlugin()
    APISpec("actions", "1", "3.1.0", plugins=[plugin])
    converter: Any = plugin.converter
    converter.add_attribute_function(whole_pattern)
    found: JSON = converter.schema2jsonschema(action.payload())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "additionalProperties": False}
