"""JSON schemas of input that is not the body of a route, such as the payload of a schedule's action."""

from __future__ import annotations

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

from heidi_common.openapi.documents import whole_pattern

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(schema: type[Schema]) -> dict[str, Any]:
    """Describe an object of a marshmallow schema; unknown properties are rejected, as by the schema."""
    plugin = MarshmallowPlugin()
    APISpec("input", "1", "3.1.0", plugins=[plugin])
    converter: Any = plugin.converter
    converter.add_attribute_function(whole_pattern)
    return {"$schema": DIALECT, **converter.schema2jsonschema(schema()), "additionalProperties": False}
