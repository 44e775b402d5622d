"""The fields of Mutation. Each is one call of the REST API."""

from __future__ import annotations

import dataclasses
from typing import Any
from uuid import UUID

import strawberry

from heidi_common.schemas.naming import camel
from heidi_services.core.graphql.connections import Info
from heidi_services.core.graphql.scalars import JSON, DateTime
from heidi_services.core.graphql.types.notifications import NotificationNode
from heidi_services.core.graphql.types.schedules import RunNode
from heidi_services.core.graphql.types.users import UserNode


@strawberry.input(description="A message to a user: `content`, or a template with its variables.")
class SendNotificationInput:
    user_id: UUID
    channel: str
    type: str | None = strawberry.UNSET
    category: str | None = strawberry.UNSET
    subject: str | None = strawberry.UNSET
    content: str | None = strawberry.UNSET
    html: str | None = strawberry.UNSET
    from_: str | None = strawberry.field(name="from", default=strawberry.UNSET)
    reply_to: str | None = strawberry.UNSET
    cc: list[str] | None = strawberry.UNSET
    bcc: list[str] | None = strawberry.UNSET
    template: str | None = strawberry.UNSET
    variables: JSON | None = strawberry.UNSET
    locale: str | None = strawberry.UNSET
    metadata: JSON | None = strawberry.UNSET
    data: JSON | None = strawberry.UNSET
    url: str | None = strawberry.UNSET
    image: str | None = strawberry.UNSET
    actions: list[JSON] | None = strawberry.UNSET
    ttl: int | None = strawberry.UNSET
    collapse_key: str | None = strawberry.UNSET
    attachments: list[UUID] | None = strawberry.UNSET
    scheduled_for: DateTime | None = strawberry.UNSET
    expires_at: DateTime | None = strawberry.UNSET


@strawberry.input(description="The changes of your account. What is left out stays as it is.")
class UpdateMeInput:
    first_name: str | None = strawberry.UNSET
    last_name: str | None = strawberry.UNSET
    phone: str | None = strawberry.UNSET
    locale: str | None = strawberry.UNSET
    timezone: str | None = strawberry.UNSET
    avatar_file_id: UUID | None = strawberry.UNSET


@strawberry.type(name="Mutation", description="Changes. They run one after another.")
class Mutations:
    @strawberry.mutation(description="Send a notification. The same `idempotencyKey` sends it once.")
    async def send_notification(
        self, info: Info, input: SendNotificationInput, idempotency_key: str | None = None
    ) -> NotificationNode | None:
        sent: NotificationNode = await info.context.change(
            "notification", "POST", "/notifications", _body(input), idempotency_key=idempotency_key
        )
        return sent

    @strawberry.mutation(description="Mark an in-app message as read.")
    async def mark_read(self, info: Info, id: UUID) -> NotificationNode | None:
        await info.context.change("notification", "POST", f"/notifications/{id}/read")
        message: NotificationNode = (await info.context.read("notification", f"/notifications/{id}")).data
        return message

    @strawberry.mutation(description="Mark all your in-app messages as read. Returns the number of unread ones.")
    async def mark_all_read(self, info: Info) -> int | None:
        await info.context.change("notification", "POST", "/notifications/read-all")
        count: int = (await info.context.read("notification", "/notifications/unread-count")).data["count"]
        return count

    @strawberry.mutation(description="Change your account.")
    async def update_me(self, info: Info, input: UpdateMeInput) -> UserNode | None:
        user: UserNode = await info.context.change("users", "PATCH", "/users/me", _body(input))
        return user

    @strawberry.mutation(description="Run a schedule now. For an ADMIN.")
    async def run_schedule(self, info: Info, id: UUID, idempotency_key: str | None = None) -> RunNode | None:
        run: RunNode = await info.context.change(
            "scheduler", "POST", f"/schedules/{id}/run", idempotency_key=idempotency_key
        )
        return run

    @strawberry.mutation(
        description="Let the subscribers of a dead letter handle it again. Returns their number. For an ADMIN."
    )
    async def replay_event(self, info: Info, id: UUID, idempotency_key: str | None = None) -> int | None:
        replayed = await info.context.change(
            "core", "POST", f"/core/events/dead/{id}/replay", idempotency_key=idempotency_key
        )
        count: int = replayed["subscribers"]
        return count


def _body(given: Any) -> dict[str, Any]:
    """The body of a request: the members of an input that the client has sent, null included."""
    values = {item.name: getattr(given, item.name) for item in dataclasses.fields(given)}
    return {camel(name): _json(value) for name, value in values.items() if value is not strawberry.UNSET}


def _json(value: Any) -> Any:
    if isinstance(value, list):
        return [_json(item) for item in value]
    return str(value) if isinstance(value, UUID) else value
