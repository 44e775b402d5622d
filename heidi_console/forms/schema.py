"""Forms from a JSON schema: the payload of a schedule, the input of an operation.

One level of properties becomes fields; objects and arrays are typed as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from heidi_console.api.problems import ApiProblem
from heidi_console.forms.base import ConsoleForm
from heidi_console.translations import translate
from heidi_console.translations.api_texts import api_text

PREFIX = "payload."
LONG_TEXT = 500
"""Texts that may be longer than this get a text area."""


@dataclass
class SchemaField:
    """A field of the form.

    Attributes:
        name: Its name in the form.
        key: The property of the object.
        kind: `select`, `checkbox`, `number`, `json`, `textarea` or `text`.
        value: The text that the field shows.
    """

    name: str
    key: str
    kind: str
    required: bool
    options: list[str]
    hint: str
    value: str = ""
    error: str = ""
    placeholder: str = "{}"

    @property
    def label(self) -> str:
        """`userId` is `User ID`."""
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.key).lower()
        words = re.sub(r"^(url|json)$|\bid(?=s?$)", lambda match: match[0].upper(), words)
        return api_text(words[:1].upper() + words[1:])


def schema_fields(schema: Mapping[str, Any], values: Mapping[str, Any]) -> list[SchemaField]:
    """The fields for an object of a schema, with the current values."""
    required = schema.get("required", [])
    return [
        _field(name, definition, name in required, values.get(name, definition.get("default")))
        for name, definition in schema.get("properties", {}).items()
    ]


def read_fields(fields: list[SchemaField], submitted: Mapping[str, str]) -> dict[str, Any]:
    """Read the object from a submitted form. Fields that cannot be read get an error."""
    payload: dict[str, Any] = {}
    for field in fields:
        field.value = submitted.get(field.name, "")
        value = _read(field)
        if value is not None:
            payload[field.key] = value
    return payload


def show_errors(fields: list[SchemaField], errors: Mapping[str, str]) -> list[str]:
    """Show errors of the API at their fields; return those that belong to no field, with the name of the property.

    Args:
        fields: The fields of the form.
        errors: Path of the property in the object, such as `message/channel` -> what is wrong with it.
    """
    by_name = {field.key: field for field in fields}
    unplaced = []
    for path, detail in errors.items():
        name, _, inner = path.partition("/")
        text = f"{inner}: {detail}" if inner else detail
        if name in by_name:
            by_name[name].error = " ".join(filter(None, (by_name[name].error, text)))
        else:
            unplaced.append(f"{path}: {detail}")
    return unplaced


def show_object_problem(form: ConsoleForm, fields: list[SchemaField], problem: ApiProblem, member: str) -> None:
    """Show the errors of the object, which is a member of the body, at its fields, and the others in the form."""
    prefix = f"/{member}/"
    of_object = {
        error.pointer.removeprefix(prefix): error.detail for error in problem.errors if error.pointer.startswith(prefix)
    }
    problem.errors = [error for error in problem.errors if not error.pointer.startswith(prefix)]
    unplaced = show_errors(fields, of_object)
    if problem.errors or not of_object:
        form.show_problem(problem)
    form.form_errors = [*form.form_errors, *unplaced]


def _field(name: str, definition: Mapping[str, Any], required: bool, value: Any) -> SchemaField:
    kind = _kind(definition)
    text = "" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()
    hint = api_text(str(definition.get("description", "")))
    options = list(definition.get("enum", []))
    placeholder = "[]" if definition.get("type") == "array" else "{}"
    return SchemaField(PREFIX + name, name, kind, required, options, hint, text, placeholder=placeholder)


def _kind(definition: Mapping[str, Any]) -> str:
    if "enum" in definition:
        return "select"
    by_type = {"boolean": "checkbox", "integer": "number", "number": "number", "object": "json", "array": "json"}
    kind = by_type.get(str(definition.get("type")), "text")
    return "textarea" if kind == "text" and definition.get("maxLength", 0) > LONG_TEXT * 4 else kind


def _read(field: SchemaField) -> Any:
    if field.kind == "checkbox":
        return bool(field.value)
    if not field.value.strip():
        if field.required:
            field.error = translate("This field is required.")
        return None
    if field.kind in ("json", "number"):
        return _read_json(field)
    return field.value


def _read_json(field: SchemaField) -> Any:
    try:
        return orjson.loads(field.value)
    except orjson.JSONDecodeError:
        field.error = translate("Must be valid JSON.") if field.kind == "json" else translate("Must be a number.")
        return None
