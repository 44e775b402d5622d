"""Users, with what belongs to them in other services."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import strawberry

from heidi_services.core.graphql.connections import PAGE_SIZE, Connection, Info, read_page
from heidi_services.core.graphql.scalars import DateTime
from heidi_services.core.graphql.types.integrations import IntegrationNode
from heidi_services.core.graphql.types.notifications import NotificationNode


@strawberry.type(name="User", description="An account.")
class UserNode:
    id: UUID
    email: str
    role: str
    first_name: str | None
    last_name: str | None
    phone: str | None
    locale: str | None
    timezone: str | None
    avatar_file_id: UUID | None
    is_active: bool
    email_verified: bool
    created_at: DateTime
    updated_at: DateTime
    deleted_at: DateTime | None

    @strawberry.field(description="What the user has received, newest first.")
    async def notifications(
        self: Any,
        info: Info,
        first: int = PAGE_SIZE,
        after: str | None = None,
        status: str | None = None,
        channel: str | None = None,
        unread: bool | None = None,
    ) -> Connection[NotificationNode] | None:
        filters = {"user_id": self["id"], "status": status, "channel": channel, "unread": unread}
        page: Connection[NotificationNode] = await read_page(
            info, "notification", "/notifications", first, after, **filters
        )
        return page

    @strawberry.field(description="The number of unread in-app messages.")
    async def unread_count(self: Any, info: Info) -> int | None:
        response = await info.context.read("notification", "/notifications/unread-count", {"userId": self["id"]})
        count: int = response.data["count"]
        return count

    @strawberry.field(description="The user's integrations, newest first.")
    async def integrations(
        self: Any, info: Info, first: int = PAGE_SIZE, after: str | None = None
    ) -> Connection[IntegrationNode] | None:
        page: Connection[IntegrationNode] = await read_page(
            info, "integration", "/integrations", first, after, user_id=self["id"]
        )
        return page


async def read_user(info: Info, user_id: Any) -> Any:
    """Read a user by ID; None for None."""
    return None if user_id is None else (await info.context.read("users", f"/users/{user_id}")).data
