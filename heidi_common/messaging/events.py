"""The vocabulary: one dataclass per fact, the whole list of what the platform says in one file.

A fact holds ids, enums and what changed; never an e-mail address, a text, a token or a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, ClassVar
from uuid import UUID

from heidi_common.schemas.naming import camel


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that has happened (or, for `notification.send` and the like, was asked for).

    `subject` is the id it is about; `user_id` the person it is about, if there is one.
    """

    type: ClassVar[str]
    external: ClassVar[bool] = False
    """True when nobody inside subscribes: it is for the event log, webhooks and programs outside."""
    answered_by: ClassVar[str | None] = None
    """Of a request: the subscriber whose inbox row tells whoever asked that it was taken in, or why not."""

    id: UUID

    @property
    def event_type(self) -> str:
        """What stands in the log: the type, or a name of the user's own."""
        return self.type

    @property
    def subject(self) -> str:
        return str(self.id)

    @property
    def user_id(self) -> UUID | None:
        return getattr(self, "about_user", None)

    def data(self) -> dict[str, Any]:
        """The fact's fields as JSON, in camelCase; what is None is left out."""
        found = {_wire_name(field.name): _plain(getattr(self, field.name)) for field in fields(self)}
        return {name: value for name, value in found.items() if value is not None}


def _wire_name(name: str) -> str:
    return "userId" if name == "about_user" else camel(name)


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


@dataclass(frozen=True, kw_only=True)
class _UserEvent(Event):
    role: str
    is_active: bool
    changed: tuple[str, ...] | None = None

    @property
    def user_id(self) -> UUID:
        return self.id


class UserCreated(_UserEvent):
    type = "user.created"


class UserUpdated(_UserEvent):
    type = "user.updated"


class UserDeleted(_UserEvent):
    type = "user.deleted"


@dataclass(frozen=True, kw_only=True)
class NotificationSend(Event):
    """A request from anyone on the bus: make and deliver a notification. Texts and variables travel sealed beside it.

    sealed: {subject?, content?, variables?, recipient?}
    """

    type = "notification.send"
    answered_by = "make_requested_notification"
    about_user: UUID
    channel: str
    notification_type: str = "INFO"
    category: str | None = None
    template: str | None = None
    locale: str | None = None


@dataclass(frozen=True, kw_only=True)
class _NotificationEvent(Event):
    about_user: UUID
    channel: str
    category: str | None = None
    reason: str | None = None


class NotificationQueued(_NotificationEvent):
    type = "notification.queued"


class NotificationSent(_NotificationEvent):
    type = "notification.sent"
    external = True


class NotificationFailed(_NotificationEvent):
    type = "notification.failed"
    external = True


@dataclass(frozen=True, kw_only=True)
class NotificationBatch(Event):
    """One message to many people was accepted; its rows have no facts of their own until they are sent or fail."""

    type = "notification.batch"
    external = True
    channel: str
    category: str | None = None
    accepted: int


@dataclass(frozen=True, kw_only=True)
class _CityEvent(Event):
    country: str
    changed: tuple[str, ...] | None = None


class CityCreated(_CityEvent):
    type = "city.created"


class CityUpdated(_CityEvent):
    type = "city.updated"


class CityDeleted(_CityEvent):
    type = "city.deleted"


@dataclass(frozen=True, kw_only=True)
class ScheduleExecute(Event):
    """A slot has come: `id` is the run to carry out."""

    type = "schedule.execute"
    schedule_id: UUID
    scheduled_for: str
    trigger: str


@dataclass(frozen=True, kw_only=True)
class ScheduleCompleted(Event):
    type = "schedule.completed"
    external = True
    schedule_id: UUID
    status: str


@dataclass(frozen=True, kw_only=True)
class IntegrationWebhook(Event):
    """A verified webhook came in and is stored as the event `id`."""

    type = "integration.webhook"
    external = True
    integration_id: UUID
    about_user: UUID
    provider: str
    provider_event_type: str | None = None


@dataclass(frozen=True, kw_only=True)
class IntegrationSync(Event):
    """A synchronisation is asked for; `id` is the integration."""

    type = "integration.sync"
    answered_by = "accept_sync"
    about_user: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class CoreOperation(Event):
    type = "core.operation"
    answered_by = "accept_operation"
    operation: str


@dataclass(frozen=True, kw_only=True)
class CoreOperationCompleted(Event):
    type = "core.operation.completed"
    external = True
    operation: str
    status: str


@dataclass(frozen=True, kw_only=True)
class Custom(Event):
    """A fact of the users' own (`custom.*`), emitted by a schedule."""

    type = "custom.*"
    external = True
    name: str
    payload: dict[str, Any]

    @property
    def event_type(self) -> str:
        return self.name


def all_event_types(root: type[Event] = Event) -> list[type[Event]]:
    """Every concrete fact, in the order of this file."""
    found = [root] if "type" in vars(root) else []
    for child in root.__subclasses__():
        found += all_event_types(child)
    return found


def matches(pattern: str, event_type: str) -> bool:
    """`user.*` matches every type that begins with `user.`; `*` matches all; else they must be equal."""
    if pattern == "*":
        return True
    if pattern.endswith(".*"):
        return event_type.startswith(pattern[:-1])
    return pattern == event_type
