"""Integrations, and what was delivered to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from heidi_services.core.graphql.connections import PAGE_SIZE, Connection, Info, read_page
from heidi_services.core.graphql.scalars import JSON, DateTime

if TYPE_CHECKING:
    from heidi_services.core.graphql.types.users import UserNode


@strawberry.type(name="DeliveryAttempt", description="An attempt to deliver an event to an integration.")
class DeliveryAttemptNode:
    id: UUID
    number: int
    outcome: str
    status_code: int | None
    response: str | None
    error: str | None
    duration_ms: int
    created_at: DateTime


@strawberry.type(name="Delivery", description="An event on its way to an integration.")
class DeliveryNode:
    id: UUID
    integration_id: UUID
    event_id: UUID
    event_type: str
    status: str
    attempts: int = strawberry.field(description="The number of attempts; `attemptLog` lists them.")
    next_attempt_at: DateTime | None
    response_status: int | None
    last_error: str | None
    delivered_at: DateTime | None
    created_at: DateTime
    updated_at: DateTime

    @strawberry.field(description="The attempts to deliver it, oldest first.")
    async def attempt_log(self: Any, info: Info) -> list[DeliveryAttemptNode] | None:
        path = f"/integrations/{self['integrationId']}/deliveries/{self['id']}"
        attempts: list[DeliveryAttemptNode] = (await info.context.read("integration", path)).data["attemptLog"]
        return attempts

    @strawberry.field(description="The receiver.")
    async def integration(self: Any, info: Info) -> IntegrationNode | None:
        integration: IntegrationNode = (
            await info.context.read("integration", f"/integrations/{self['integrationId']}")
        ).data
        return integration


@strawberry.type(name="Integration", description="A connection to a provider, or an endpoint that receives events.")
class IntegrationNode:
    id: UUID
    user_id: UUID
    provider: str
    name: str
    webhook_url: str | None
    config: JSON
    is_active: bool
    has_credentials: bool
    endpoint_auth: JSON | None
    is_forwarding: bool
    last_sync_at: DateTime | None
    disabled_reason: str | None
    created_at: DateTime
    updated_at: DateTime

    @strawberry.field(description="What was delivered to it, newest first.")
    async def deliveries(
        self: Any, info: Info, first: int = PAGE_SIZE, after: str | None = None, status: str | None = None
    ) -> Connection[DeliveryNode] | None:
        path = f"/integrations/{self['id']}/deliveries"
        page: Connection[DeliveryNode] = await read_page(info, "integration", path, first, after, status=status)
        return page

    @strawberry.field(description="Its owner.")
    async def user(
        self: Any, info: Info
    ) -> Annotated[UserNode, strawberry.lazy("heidi_services.core.graphql.types.users")] | None:
        from heidi_services.core.graphql.types.users import read_user

        user: UserNode = await read_user(info, self["userId"])
        return user
