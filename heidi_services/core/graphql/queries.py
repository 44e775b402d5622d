"""The fields of Query: what the REST API can read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import strawberry

from heidi_services.core.graphql.connections import PAGE_SIZE, Connection, Info, read_page
from heidi_services.core.graphql.scalars import DateTime
from heidi_services.core.graphql.types.cities import CityNode
from heidi_services.core.graphql.types.files import FileNode, FileUsageNode
from heidi_services.core.graphql.types.integrations import DeliveryNode, IntegrationNode
from heidi_services.core.graphql.types.notifications import NotificationNode
from heidi_services.core.graphql.types.platform import LoggedEventNode, OverviewNode
from heidi_services.core.graphql.types.schedules import RunNode, ScheduleNode
from heidi_services.core.graphql.types.users import UserNode


async def _read(info: Info, service: str, path: str, params: dict[str, Any] | None = None) -> Any:
    return (await info.context.read(service, path, params)).data


@strawberry.type(name="Query", description="Everything that can be read. The services decide what the caller may see.")
class Queries:
    @strawberry.field(description="The caller.")
    async def me(self, info: Info) -> UserNode | None:
        user: UserNode = await _read(info, "users", "/users/me")
        return user

    @strawberry.field(description="A user.")
    async def user(self, info: Info, id: UUID) -> UserNode | None:
        user: UserNode = await _read(info, "users", f"/users/{id}")
        return user

    @strawberry.field(description="All users. For an ADMIN or a MODERATOR.")
    async def users(
        self,
        info: Info,
        first: int = PAGE_SIZE,
        after: str | None = None,
        q: str | None = None,
        role: str | None = None,
        is_active: bool | None = None,
        sort: str | None = None,
    ) -> Connection[UserNode] | None:
        filters = {"q": q, "role": role, "is_active": is_active, "sort": sort}
        page: Connection[UserNode] = await read_page(info, "users", "/users", first, after, **filters)
        return page

    @strawberry.field(description="A city.")
    async def city(self, info: Info, id: UUID, lang: str | None = None) -> CityNode | None:
        city: CityNode = await _read(info, "city", f"/cities/{id}", {"lang": lang})
        return city

    @strawberry.field(description="Cities. `country` can be several codes: `DE,AT`.")
    async def cities(
        self,
        info: Info,
        first: int = PAGE_SIZE,
        after: str | None = None,
        country: str | None = None,
        state: str | None = None,
        min_population: int | None = None,
        kind: str | None = None,
        lang: str | None = None,
        sort: str | None = None,
    ) -> Connection[CityNode] | None:
        filters = {"country": country, "state": state, "min_population": min_population, "kind": kind, "lang": lang}
        page: Connection[CityNode] = await read_page(info, "city", "/cities", first, after, sort=sort, **filters)
        return page

    @strawberry.field(description="The cities around a point, nearest first.")
    async def nearby(
        self,
        info: Info,
        latitude: float,
        longitude: float,
        radius_km: float | None = None,
        first: int = PAGE_SIZE,
        country: str | None = None,
        min_population: int | None = None,
        lang: str | None = None,
    ) -> list[CityNode] | None:
        point = {"latitude": latitude, "longitude": longitude, "radiusKm": radius_km, "limit": first}
        filters = {"country": country, "minPopulation": min_population, "lang": lang}
        cities: list[CityNode] = await _read(info, "city", "/cities/nearby", point | filters)
        return cities

    @strawberry.field(description="The cities that a text names, such as `Paris, Texas`.")
    async def search_cities(
        self,
        info: Info,
        q: str,
        first: int = PAGE_SIZE,
        country: str | None = None,
        latitude: float | None = None,
        longitude: float | None = None,
        lang: str | None = None,
    ) -> list[CityNode] | None:
        point = {"latitude": latitude, "longitude": longitude}
        params = {"q": q, "limit": first, "country": country, "lang": lang}
        cities: list[CityNode] = await _read(info, "city", "/cities/search", point | params)
        return cities

    @strawberry.field(description="A notification.")
    async def notification(self, info: Info, id: UUID) -> NotificationNode | None:
        notification: NotificationNode = await _read(info, "notification", f"/notifications/{id}")
        return notification

    @strawberry.field(description="Your notifications, newest first. An ADMIN can read those of others.")
    async def notifications(
        self,
        info: Info,
        first: int = PAGE_SIZE,
        after: str | None = None,
        user_id: UUID | None = None,
        status: str | None = None,
        channel: str | None = None,
        type: str | None = None,
        category: str | None = None,
        batch_id: UUID | None = None,
        since: DateTime | None = None,
        unread: bool | None = None,
        scope: str | None = None,
    ) -> Connection[NotificationNode] | None:
        filters = {"user_id": user_id, "status": status, "channel": channel, "type": type, "category": category}
        further = {"batch_id": batch_id, "since": since, "unread": unread, "scope": scope}
        page: Connection[NotificationNode] = await read_page(
            info, "notification", "/notifications", first, after, **filters, **further
        )
        return page

    @strawberry.field(description="The number of unread in-app messages, yours by default.")
    async def unread_count(self, info: Info, user_id: UUID | None = None) -> int | None:
        path = "/notifications/unread-count"
        count: int = (await _read(info, "notification", path, {"userId": user_id}))["count"]
        return count

    @strawberry.field(description="A schedule.")
    async def schedule(self, info: Info, id: UUID) -> ScheduleNode | None:
        schedule: ScheduleNode = await _read(info, "scheduler", f"/schedules/{id}")
        return schedule

    @strawberry.field(description="All schedules.")
    async def schedules(
        self,
        info: Info,
        first: int = PAGE_SIZE,
        after: str | None = None,
        q: str | None = None,
        is_enabled: bool | None = None,
        is_failing: bool | None = None,
        action: str | None = None,
        sort: str | None = None,
    ) -> Connection[ScheduleNode] | None:
        filters = {"q": q, "is_enabled": is_enabled, "is_failing": is_failing, "action": action, "sort": sort}
        page: Connection[ScheduleNode] = await read_page(info, "scheduler", "/schedules", first, after, **filters)
        return page

    @strawberry.field(description="The runs of all schedules (ADMIN), or of those that you have created.")
    async def runs(
        self,
        info: Info,
        first: int = PAGE_SIZE,
        after: str | None = None,
        schedule_id: UUID | None = None,
        status: str | None = None,
        trigger: str | None = None,
        action: str | None = None,
    ) -> Connection[RunNode] | None:
        filters = {"schedule_id": schedule_id, "status": status, "trigger": trigger, "action": action}
        page: Connection[RunNode] = await read_page(info, "scheduler", "/schedules/runs", first, after, **filters)
        return page

    @strawberry.field(description="An integration.")
    async def integration(self, info: Info, id: UUID) -> IntegrationNode | None:
        integration: IntegrationNode = await _read(info, "integration", f"/integrations/{id}")
        return integration

    @strawberry.field(description="Your integrations; all of them for an ADMIN.")
    async def integrations(
        self,
        info: Info,
        first: int = PAGE_SIZE,
        after: str | None = None,
        q: str | None = None,
        user_id: UUID | None = None,
        provider: str | None = None,
        is_active: bool | None = None,
        is_failing: bool | None = None,
    ) -> Connection[IntegrationNode] | None:
        filters = {"q": q, "user_id": user_id, "provider": provider, "is_active": is_active, "is_failing": is_failing}
        page: Connection[IntegrationNode] = await read_page(
            info, "integration", "/integrations", first, after, **filters
        )
        return page

    @strawberry.field(description="What was delivered to your integrations (ADMIN: to all), newest first.")
    async def deliveries(
        self,
        info: Info,
        first: int = PAGE_SIZE,
        after: str | None = None,
        integration_id: UUID | None = None,
        status: str | None = None,
        event_type: str | None = None,
        since: DateTime | None = None,
    ) -> Connection[DeliveryNode] | None:
        filters = {"integration_id": integration_id, "status": status, "event_type": event_type, "since": since}
        path = "/integrations/deliveries"
        page: Connection[DeliveryNode] = await read_page(info, "integration", path, first, after, **filters)
        return page

    @strawberry.field(description="A file.")
    async def file(self, info: Info, id: UUID) -> FileNode | None:
        file: FileNode = await _read(info, "files", f"/files/{id}")
        return file

    @strawberry.field(description="Your files, newest first; those of all users for an ADMIN.")
    async def files(
        self,
        info: Info,
        first: int = PAGE_SIZE,
        after: str | None = None,
        user_id: UUID | None = None,
        status: str | None = None,
        visibility: str | None = None,
    ) -> Connection[FileNode] | None:
        filters = {"user_id": user_id, "status": status, "visibility": visibility}
        page: Connection[FileNode] = await read_page(info, "files", "/files", first, after, **filters)
        return page

    @strawberry.field(description="How much you store, and how much you may store.")
    async def file_usage(self, info: Info) -> FileUsageNode | None:
        usage: FileUsageNode = await _read(info, "files", "/files/usage")
        return usage

    @strawberry.field(description="The event log, newest first. For an ADMIN. `type` can be a pattern: `user.*`.")
    async def events(
        self,
        info: Info,
        first: int = PAGE_SIZE,
        after: str | None = None,
        type: str | None = None,
        subject: str | None = None,
        since: DateTime | None = None,
    ) -> Connection[LoggedEventNode] | None:
        filters = {"type": type, "subject": subject, "since": since}
        page: Connection[LoggedEventNode] = await read_page(info, "core", "/core/events", first, after, **filters)
        return page

    @strawberry.field(description="Counts and rates over all services. For an ADMIN.")
    async def overview(self, info: Info) -> OverviewNode | None:
        overview: OverviewNode = await _read(info, "core", "/core/overview")
        return overview
