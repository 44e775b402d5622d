"""JSON Schema of a marshmallow schema, for parts of bodies that depend on another field."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from heidi_common.openapi.documents import whole_pattern

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(schema: ma.Schema) -> dict[str, Any]:
    """Convert a schema. Schemas that it nests are part of the result, under `$defs`.

    Args:
        schema: A schema that rejects unknown keys.

    Returns:
        A JSON schema, draft 2020-12.
    """
    plugin = MarshmallowPlugin()
    document = APISpec("json-schema", "1", "3.1.0", plugins=[plugin])
    converter: Any = plugin.converter
    converter.add_attribute_function(whole_pattern)
    members: dict[str, Any] = converter.schema2jsonschema(schema)
    result = {"$schema": DIALECT, **members, "additionalProperties": False}
    nested = document.components.schemas
    return _refer_to_defs({**result, "$defs": nested}) if nested else result


def _refer_to_defs(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _refer_to_defs(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_refer_to_defs(item) for item in value]
    return value.replace("#/components/schemas/", "#/$defs/") if isinstance(value, str) else value
