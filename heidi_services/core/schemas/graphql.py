"""The request and the response of GraphQL."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields

from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import FreeJson, Text
from heidi_services.core.graphql.limits import MAX_CHARACTERS


class GraphQLIn(Schema):
    """A request of GraphQL over HTTP. `documentId` or `extensions.persistedQuery` can replace `query`."""

    query = Text(max=MAX_CHARACTERS, allow_none=True)
    document_id = Text(allow_none=True, metadata={"description": "`sha256:` and the hash of a kept document"})
    operation_name = Text(allow_none=True)
    variables = FreeJson(max_bytes=1_048_576, allow_none=True)
    extensions = FreeJson(allow_none=True)


class GraphQLOut(ma.Schema):
    """The response of GraphQL has no `meta`."""

    bare = True
    data = fields.Dict(allow_none=True)
    errors = fields.List(fields.Dict())
