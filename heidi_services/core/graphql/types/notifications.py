"""Notifications, and the attempts to deliver them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from heidi_services.core.graphql.connections import PAGE_SIZE, Connection, Info, read_page
from heidi_services.core.graphql.scalars import JSON, BigInt, DateTime

if TYPE_CHECKING:
    from heidi_services.core.graphql.types.files import FileNode
    from heidi_services.core.graphql.types.users import UserNode


@strawberry.type(name="Attempt", description="An attempt to deliver a notification.")
class AttemptNode:
    id: UUID
    number: int
    provider: str
    outcome: str
    ambiguous: bool
    code: str | None
    provider_id: str | None
    error: str | None
    response: str | None
    started_at: DateTime
    duration_ms: int


@strawberry.type(name="Attachment", description="A file that is sent with an e-mail, or to which it has a link.")
class AttachmentNode:
    file_id: UUID
    name: str
    content_type: str
    bytes: BigInt
    is_link: bool
    expires_at: DateTime | None

    @strawberry.field(description="The file; null with an error if it was deleted, or is not the caller's.")
    async def file(
        self: Any, info: Info
    ) -> Annotated[FileNode, strawberry.lazy("heidi_services.core.graphql.types.files")] | None:
        file: FileNode = (await info.context.read("files", f"/files/{self['fileId']}")).data
        return file


@strawberry.type(name="PushAction", description="A button of a push message.")
class PushActionNode:
    action: str
    title: str
    url: str | None
    icon: str | None


@strawberry.type(name="Notification", description="A message to a user.")
class NotificationNode:
    id: UUID
    user_id: UUID
    type: str
    channel: str
    category: str
    batch_id: UUID | None
    template: str | None
    subject: str | None
    content: str | None
    html: str | None
    from_: str | None = strawberry.field(name="from")
    reply_to: str | None
    cc: list[str]
    data: JSON | None
    url: str | None
    image: str | None
    actions: list[PushActionNode]
    ttl: int | None
    collapse_key: str | None
    segments: int | None
    truncated: bool
    metadata: JSON | None
    attachments: list[AttachmentNode]
    status: str
    scheduled_for: DateTime | None
    expires_at: DateTime | None
    sent_at: DateTime | None
    delivered_at: DateTime | None
    read_at: DateTime | None
    failure_reason: str | None
    attempts: int = strawberry.field(description="The number of attempts; `attemptLog` lists them.")
    next_attempt_at: DateTime | None
    created_at: DateTime
    updated_at: DateTime

    @strawberry.field(description="The attempts to deliver it, oldest first.")
    async def attempt_log(
        self: Any, info: Info, first: int = PAGE_SIZE, after: str | None = None
    ) -> Connection[AttemptNode] | None:
        path = f"/notifications/{self['id']}/attempts"
        page: Connection[AttemptNode] = await read_page(info, "notification", path, first, after)
        return page

    @strawberry.field(description="The recipient.")
    async def user(
        self: Any, info: Info
    ) -> Annotated[UserNode, strawberry.lazy("heidi_services.core.graphql.types.users")] | None:
        from heidi_services.core.graphql.types.users import read_user

        user: UserNode = await read_user(info, self["userId"])
        return user
