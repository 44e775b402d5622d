"""Responses that contain users, or the data of one."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify

from heidi_common.database.pagination import Page
from heidi_common.identity.models import User
from heidi_common.identity.serializers import AnyRow
from heidi_common.interceptors.transform import enveloped, page_items
from heidi_services.users.serializers import serialize_user_detail


def user_response(row: AnyRow | User, status: int = 200) -> Response:
    """Return the response that contains one user."""
    response = jsonify(enveloped(serialize_user_detail(row)))
    response.status_code = status
    return response


def page_response(page: Page) -> Response:
    """Return the response that contains a page of users."""
    users = [serialize_user_detail(row) for row in page_items(page)]
    return jsonify(enveloped(users, page.meta))


def export_response(export: dict[str, Any]) -> Response:
    """Return the response that contains all data about a user, to be saved as a file."""
    response = jsonify(enveloped(export))
    response.headers["Content-Disposition"] = 'attachment; filename="heidi-export.json"'
    return response
