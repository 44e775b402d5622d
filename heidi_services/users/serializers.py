"""A person on the wire, straight from a row: hot reads need neither entity nor schema."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify

from heidi_common.database.pagination import Page
from heidi_common.identity import serializers
from heidi_common.identity.models import User
from heidi_common.identity.serializers import USER_COLUMNS, AnyRow
from heidi_common.interceptors.transform import enveloped, page_items
from heidi_common.schemas.fields import iso

COLUMNS: tuple[Any, ...] = (
    *serializers.PUBLIC_COLUMNS,
    USER_COLUMNS.phone,
    USER_COLUMNS.locale,
    USER_COLUMNS.timezone,
    USER_COLUMNS.deleted_at,
    USER_COLUMNS.version,
)


def person(row: AnyRow | User) -> dict[str, Any]:
    """The JSON object of PersonOut."""
    return serializers.serialize_user_json(row) | {
        "phone": row.phone,
        "locale": row.locale,
        "timezone": row.timezone,
        "deletedAt": iso(row.deleted_at) if row.deleted_at else None,
    }


def answer(row: AnyRow | User, status: int = 200) -> Response:
    response = jsonify(enveloped(person(row)))
    response.status_code = status
    return response


def page_answer(found: Page) -> Response:
    people = [person(row) for row in page_items(found)]
    return jsonify(enveloped(people, found.meta))


def tag(row: AnyRow | User) -> str:
    """The ETag of a person's version."""
    return f'"{row.id.hex}.{row.version}"'
