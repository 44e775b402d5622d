"""The catalog of domain events: one dataclass for each event type that the platform emits.

An event holds ids, enums and the names of changed fields. It never holds an e-mail address, a text, a token or a
secret; those are passed to `emit` as `secret_data`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, ClassVar
from uuid import UUID

from heidi_common.schemas.naming import camel


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events. Most state what has happened; some, such as `notification.send`, request an action.

    Attributes:
        type: The event type, as subscribers and webhooks name it.
        external: True for events without subscribers inside the platform. They are for the event log, for webhooks
            and for external programs.
        answered_by: For a request: the subscriber that carries it out. The status of its inbox row tells the
            requester whether the request was accepted, and the reason if it was not.
        version: The version of `data`. It increases when a member is removed or gets another meaning.
        id: The id of the entity that the event is about.
    """

    type: ClassVar[str]
    version: ClassVar[int] = 1
    external: ClassVar[bool] = False
    answered_by: ClassVar[str | None] = None

    id: UUID

    @property
    def event_type(self) -> str:
        """The type that is stored: `type`, or the name that a user has chosen for a custom event."""
        return self.type

    @property
    def subject(self) -> str:
        """The id of the entity that the event is about, as it is stored."""
        return str(self.id)

    @property
    def user_id(self) -> UUID | None:
        """The user that the event is about; None if it does not concern a single user."""
        return getattr(self, "about_user", None)

    def columns(self) -> dict[str, Any]:
        """The columns of the outbox that the event determines."""
        return {"type": self.event_type, "subject": self.subject, "user_id": self.user_id, "data": self.data()}

    def data(self) -> dict[str, Any]:
        """Serialize the event's fields to JSON values, with names in camelCase and without fields that are None."""
        values = {wire_name(field.name): _to_json(getattr(self, field.name)) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def wire_name(name: str) -> str:
    """The name of a field in JSON."""
    return "userId" if name == "about_user" else camel(name)


def _to_json(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    return value


@dataclass(frozen=True, kw_only=True)
class _UserEvent(Event):
    """An event about a user. `changed` names the changed fields or, for a new user, where the user comes from."""

    role: str
    is_active: bool
    changed: tuple[str, ...] | None = None

    @property
    def user_id(self) -> UUID:
        return self.id


class UserCreated(_UserEvent):
    type = "user.created"


IMPORTED, IMPORTED_WITH_WELCOME = "imported", "imported with welcome"
"""The `changed` of a created user who comes from an import: without a welcome message, or with it."""


class UserUpdated(_UserEvent):
    type = "user.updated"


class UserDeleted(_UserEvent):
    type = "user.deleted"


@dataclass(frozen=True, kw_only=True)
class UserReclaimed(_UserEvent):
    """The owner of the address has proved it to an account that someone else may have registered.

    What was attached to the account until `attached_until` (ISO 8601) is removed.
    """

    type = "user.reclaimed"
    attached_until: str


@dataclass(frozen=True, kw_only=True)
class NotificationSend(Event):
    """A request, which any service may emit, to create and deliver a notification.

    Texts and variables are passed as secret data: {subject?, content?, variables?, recipient?}
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
    """An event about the notification `id`. `reason` says why it has failed."""

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
    """A message to many users was accepted. Each recipient has an event only when it was sent or has failed."""

    type = "notification.batch"
    external = True
    channel: str
    category: str | None = None
    accepted: int


@dataclass(frozen=True, kw_only=True)
class _CityEvent(Event):
    """An event about a city. `changed` names the changed fields."""

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
    """A scheduled run is due. `id` is the run to execute."""

    type = "schedule.execute"
    schedule_id: UUID
    scheduled_for: str
    trigger: str


@dataclass(frozen=True, kw_only=True)
class ScheduleCompleted(Event):
    """The run `id` has ended with `status`."""

    type = "schedule.completed"
    external = True
    schedule_id: UUID
    status: str


@dataclass(frozen=True, kw_only=True)
class MonitorDown(Event):
    """The job that the monitor `id` watches has failed or is overdue: `reason` is FAILURE, OVERDUE or UNFINISHED."""

    type = "monitor.down"
    external = True
    reason: str


class MonitorUp(Event):
    """The job that the monitor `id` watches has succeeded after it was down."""

    type = "monitor.up"
    external = True


@dataclass(frozen=True, kw_only=True)
class IntegrationWebhook(Event):
    """A verified webhook was received and stored as the received event `id`."""

    type = "integration.webhook"
    external = True
    integration_id: UUID
    about_user: UUID
    provider: str
    provider_event_type: str | None = None


@dataclass(frozen=True, kw_only=True)
class IntegrationSync(Event):
    """A request to synchronize an integration. `id` is the integration."""

    type = "integration.sync"
    answered_by = "accept_sync"
    about_user: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class IntegrationDisabled(Event):
    """The integration `id` was switched off by the platform: `reason` is `gone`, `failing` or `operator`."""

    type = "integration.disabled"
    external = True
    about_user: UUID
    reason: str


@dataclass(frozen=True, kw_only=True)
class _FileEvent(Event):
    """An event about the file `id` of a user. Its name is not part of it."""

    about_user: UUID
    content_type: str | None = None
    bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class FileCreated(_FileEvent):
    """A file was uploaded. With the `status` SCANNING, it cannot be downloaded yet."""

    type = "file.created"
    external = True
    status: str


class FileDeleted(_FileEvent):
    type = "file.deleted"


@dataclass(frozen=True, kw_only=True)
class FileQuarantined(_FileEvent):
    """A virus was detected in a file."""

    type = "file.quarantined"
    external = True
    signature: str | None = None


@dataclass(frozen=True, kw_only=True)
class CoreOperation(Event):
    """A request to run the operation `id` of core. Its input is passed as secret data: {input?}.

    `requested_by` is the user or machine client for whom core acts. Events of versions before 1.1 do not have it.
    """

    type = "core.operation"
    answered_by = "accept_operation"
    operation: str
    requested_by: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class CoreOperationCompleted(Event):
    """The operation `id` of core has ended with `status`."""

    type = "core.operation.completed"
    external = True
    operation: str
    status: str


@dataclass(frozen=True, kw_only=True)
class CustomEvent(Event):
    """An event that a user has defined (`custom.*`) and that a schedule emits."""

    type = "custom.*"
    external = True
    name: str
    payload: dict[str, Any]

    @property
    def event_type(self) -> str:
        return self.name


def all_event_types(root: type[Event] = Event) -> list[type[Event]]:
    """List all concrete event classes, in the order of this file.

    Args:
        root: The class to start from. Classes without their own `type` are abstract and are left out.
    """
    event_types = [root] if "type" in vars(root) else []
    for child in root.__subclasses__():
        event_types += all_event_types(child)
    return event_types


def matches(pattern: str, event_type: str) -> bool:
    """Whether an event type matches a subscription pattern.

    Args:
        pattern: `*` matches all types, `user.*` those that begin with `user.`. Any other pattern must be equal.
        event_type: The type of an event, such as `user.created`.
    """
    if pattern == "*":
        return True
    if pattern.endswith(".*"):
        return event_type.startswith(pattern[:-1])
    return pattern == event_type
