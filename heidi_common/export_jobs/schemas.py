"""Responses about exports, the same for all kinds."""

from __future__ import annotations

from marshmallow import fields, validate

from heidi_common.messaging.requested_jobs import RequestStatus
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import UtcDateTime


class ExportJobOut(Schema):
    """An export with its progress."""

    id = fields.UUID()
    status = fields.String(attribute="shown_status", validate=validate.OneOf(list(RequestStatus)))
    created_at = UtcDateTime()
    requested_by = fields.UUID()
    started_at = UtcDateTime(allow_none=True)
    finished_at = UtcDateTime(allow_none=True)
    rows = fields.Integer(
        allow_none=True, metadata={"description": "the rows that the file will have, about; null if unknown"}
    )
    processed = fields.Integer(metadata={"description": "how many of them are written"})
    file_id = fields.UUID(
        allow_none=True,
        metadata={"description": "the file, once it is complete: `GET /files/{fileId}/content` downloads it"},
    )
    expires_at = UtcDateTime(allow_none=True, metadata={"description": "when the export is deleted with its file"})
    error = fields.String(allow_none=True, metadata={"description": "why the export has failed"})
