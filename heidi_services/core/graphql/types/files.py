"""Files and their links. Their content is read with REST: `GET /files/{id}/content`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from heidi_services.core.graphql.connections import PAGE_SIZE, Connection, Info, read_page
from heidi_services.core.graphql.scalars import BigInt, DateTime

if TYPE_CHECKING:
    from heidi_services.core.graphql.types.users import UserNode


@strawberry.type(name="FileLink", description="A link with which anyone can download a file. Its URL is shown once.")
class FileLinkNode:
    id: UUID
    expires_at: DateTime
    max_downloads: int | None
    downloads: int
    created_at: DateTime


@strawberry.type(name="File", description="A file. `GET /api/v1/files/{id}/content` returns its content.")
class FileNode:
    id: UUID
    user_id: UUID
    name: str
    content_type: str
    bytes: BigInt
    sha256: str
    width: int | None
    height: int | None
    status: str
    visibility: str
    created_at: DateTime
    updated_at: DateTime

    @strawberry.field(description="Its links, newest first. For its owner and an ADMIN.")
    async def links(
        self: Any, info: Info, first: int = PAGE_SIZE, after: str | None = None
    ) -> Connection[FileLinkNode] | None:
        path = f"/files/{self['id']}/links"
        page: Connection[FileLinkNode] = await read_page(info, "files", path, first, after)
        return page

    @strawberry.field(description="Its owner.")
    async def user(
        self: Any, info: Info
    ) -> Annotated[UserNode, strawberry.lazy("heidi_services.core.graphql.types.users")] | None:
        from heidi_services.core.graphql.types.users import read_user

        user: UserNode = await read_user(info, self["userId"])
        return user


@strawberry.type(name="FileUsage", description="How much a user stores. Files with equal content count once.")
class FileUsageNode:
    stored_bytes: BigInt
    quota_bytes: BigInt
    max_file_bytes: BigInt
