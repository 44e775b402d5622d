"""Requests and responses about imports, the same for all kinds."""

from __future__ import annotations

import codecs

from marshmallow import ValidationError, fields, validate

from heidi_common.import_files.reading import FORMATS
from heidi_common.import_jobs.models import ImportOutcome
from heidi_common.messaging.requested_jobs import RequestStatus
from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import Text, UtcDateTime


def _validate_encoding(name: str) -> None:
    try:
        is_text = codecs.lookup(name)._is_text_encoding
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        raise ValidationError("Must be the name of an encoding, such as utf-8 or windows-1250.")


class ImportQuery(Schema):
    """How to read the file. By default both are recognized by the content."""

    format = fields.String(load_default=None, validate=validate.OneOf(FORMATS))
    encoding = Text(load_default=None, max=50, validate=_validate_encoding)
    file_id = fields.UUID(
        load_default=None, metadata={"description": "a file of the file service, instead of a body; up to 20 MiB"}
    )


class LineQuery(PageQuery):
    outcome = fields.Enum(ImportOutcome, by_value=True)


class ImportOut(Schema):
    """An import with its progress."""

    id = fields.UUID(required=True)
    status = fields.String(attribute="shown_status", validate=validate.OneOf(list(RequestStatus)))
    created_at = UtcDateTime()
    requested_by = fields.UUID()
    started_at = UtcDateTime(allow_none=True)
    finished_at = UtcDateTime(allow_none=True)
    rows = fields.Integer(metadata={"description": "the rows of the file, without the header"})
    processed = fields.Integer(metadata={"description": "how many of them have a result"})
    counts = fields.Dict(
        keys=fields.String(validate=validate.OneOf(list(ImportOutcome))),
        values=fields.Integer(),
        metadata={"description": "outcome -> number of rows; outcomes without rows are left out"},
    )
    error = fields.String(allow_none=True, metadata={"description": "why the import has failed as a whole"})


class ImportLineOut(Schema):
    """The result of a row."""

    line = fields.Integer(metadata={"description": "the number of the row's first line in the file, from 1"})
    outcome = fields.String(validate=validate.OneOf(list(ImportOutcome)))
    target_id = fields.UUID(allow_none=True, metadata={"description": "the user or city"})
    detail = fields.String(
        allow_none=True, metadata={"description": "why the row was refused: the field, and what it must be"}
    )
