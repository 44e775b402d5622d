"""Events, and the figures of the platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from heidi_services.core.graphql.connections import Info
from heidi_services.core.graphql.scalars import JSON, BigInt, DateTime

if TYPE_CHECKING:
    from heidi_services.core.graphql.types.users import UserNode


@strawberry.type(name="Event", description="Something that has happened, as the log of all services has it.")
class LoggedEventNode:
    id: UUID
    type: str
    subject: str
    user_id: UUID | None
    data: JSON
    request_id: str | None
    position: BigInt | None
    created_at: DateTime

    @strawberry.field(description="The user whom it concerns.")
    async def user(
        self: Any, info: Info
    ) -> Annotated[UserNode, strawberry.lazy("heidi_services.core.graphql.types.users")] | None:
        from heidi_services.core.graphql.types.users import read_user

        user: UserNode = await read_user(info, self["userId"])
        return user


@strawberry.type(name="Overview", description="Counts and rates over all services, at most ten seconds old.")
class OverviewNode:
    users: JSON | None
    cities: JSON | None
    schedules: JSON | None
    integrations: JSON | None
    notifications: JSON
    events: JSON
    as_of: DateTime
