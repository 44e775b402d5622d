"""The shapes of requests and responses."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import Text, UtcDateTime
from heidi_common.schemas.validators import not_blank
from heidi_services.files.enums import FileStatus, RenditionSize, Visibility

MAX_LINK_SECONDS = 365 * 86_400
_VISIBILITY = validate.OneOf([value.value for value in Visibility])
_STATUS = validate.OneOf([value.value for value in FileStatus])


class UploadQuery(Schema):
    name = Text(max=1000, metadata={"description": "The name of the file in a raw body."})
    visibility = fields.String(load_default=Visibility.PRIVATE.value, validate=_VISIBILITY)
    user_id = fields.UUID(metadata={"description": "The owner; for an ADMIN and machine clients."})


class FileQuery(PageQuery):
    user_id = fields.UUID()
    status = fields.String(validate=_STATUS)
    visibility = fields.String(validate=_VISIBILITY)


class RenditionQuery(Schema):
    redirect = fields.Boolean(
        load_default=True,
        metadata={"description": "With `false`, an image that is stored in S3 is sent instead of a redirection."},
    )


class ContentQuery(RenditionQuery):
    size = fields.Integer(
        validate=validate.OneOf([int(size) for size in RenditionSize]),
        metadata={"description": "A rendition of an image, of at most this many pixels on each side."},
    )
    download = fields.Boolean(load_default=False, metadata={"description": "Save the file instead of showing it."})

    @validates_schema
    def require_size(self, data: dict[str, Any], **_: Any) -> None:
        """Only renditions are small enough for being sent by the service."""
        if not data["redirect"] and "size" not in data:
            raise ValidationError("`redirect=false` requires `size`.", "redirect")


class AvatarQuery(RenditionQuery):
    size = fields.Integer(
        load_default=int(RenditionSize.SMALL),
        validate=validate.OneOf([int(size) for size in RenditionSize]),
        metadata={"description": "The avatar has at most this many pixels on each side."},
    )


class FilePatch(Schema):
    name = Text(max=1000, validate=not_blank)
    visibility = fields.String(validate=_VISIBILITY)

    @validates_schema
    def require_a_change(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("Specify at least one field to change.")


class FileOut(Schema):
    id = fields.UUID(required=True)
    user_id = fields.UUID(required=True)
    name = fields.String(required=True)
    content_type = fields.String(required=True)
    bytes = fields.Integer(required=True, attribute="object.bytes")
    sha256 = fields.String(required=True, attribute="object.sha256")
    width = fields.Integer(allow_none=True, attribute="object.width")
    height = fields.Integer(allow_none=True, attribute="object.height")
    status = fields.String(required=True, attribute="object.file_status", validate=_STATUS)
    visibility = fields.String(required=True, validate=_VISIBILITY)
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)


class LinkIn(Schema):
    expires_in = fields.Integer(
        strict=True,
        load_default=7 * 86_400,
        validate=validate.Range(1, MAX_LINK_SECONDS),
        metadata={"description": "Seconds for which the link is valid."},
    )
    downloads = fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=validate.Range(1, 1_000_000),
        metadata={"description": "How often it can be downloaded. Each GET counts, also one of a range."},
    )


class LinkOut(Schema):
    id = fields.UUID(required=True)
    expires_at = UtcDateTime(required=True)
    max_downloads = fields.Integer(allow_none=True)
    downloads = fields.Integer(required=True)
    created_at = UtcDateTime(required=True)


class LinkCreatedOut(LinkOut):
    """Only this response contains the URL."""

    url = fields.String(required=True)


class UsageOut(Schema):
    stored_bytes = fields.Integer(required=True)
    quota_bytes = fields.Integer(required=True)
    max_file_bytes = fields.Integer(required=True)
