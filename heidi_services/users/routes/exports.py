"""Exports as files: all users, for an ADMIN, and everything about the caller."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request

from heidi_common.database.pagination import Page
from heidi_common.export_jobs import requests
from heidi_common.export_jobs.models import Export, ExportKind
from heidi_common.export_jobs.schemas import ExportJobOut
from heidi_common.identity.models import Role
from heidi_common.interceptors.conditional import tagged
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated, caller, guard
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_common.schemas.base import PageQuery
from heidi_services.users.schemas import UserExportIn

blp = Blueprint("user-exports", __name__, description="Exports of users and of personal data, as files")
EXPORTS = "/api/v1/users/exports"
EXPORT = f"{EXPORTS}/<uuid:export_id>"
OWN_EXPORTS = "/api/v1/users/me/exports"
OWN_EXPORT = f"{OWN_EXPORTS}/<uuid:export_id>"


@blp.route(EXPORTS, methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(UserExportIn)
@blp.response(202, ExportJobOut)
def request_export(body: dict[str, Any]) -> Any:
    """Export all users that are not deleted to a file, in the form that the import reads; without password hashes.

    A worker writes the file, which belongs to you and is deleted after seven days. 429 `too_many_exports` while three
    of your exports have not ended.
    """
    row = requests.create(ExportKind.USERS, body, requested_by=caller().id)
    return row, {"Location": f"{EXPORTS}/{row.id}"}


@blp.route(EXPORTS, methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(PageQuery, location="query")
@blp.response(200, ExportJobOut(many=True))
def list_exports(query: dict[str, Any]) -> Page:
    """List the exports of users that have not expired, newest first."""
    return requests.list_exports(ExportKind.USERS, query)


@blp.route(EXPORT, methods=["GET"])
@guard(Role.ADMIN)
@documents(IF_NONE_MATCH)
@tagged
@blp.response(200, ExportJobOut)
def get_export(export_id: UUID) -> Export:
    """Get an export of users with its progress."""
    return requests.get(ExportKind.USERS, export_id)


@blp.route(f"{EXPORT}/cancel", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.response(200, ExportJobOut)
def cancel_export(export_id: UUID) -> Export:
    """Cancel an export of users. 409 `export_ended` if it has ended."""
    return requests.cancel(ExportKind.USERS, export_id, actor=caller().id)


@blp.route(OWN_EXPORTS, methods=["POST"])
@authenticated
@idempotent
@blp.response(202, ExportJobOut)
def request_own_export() -> Any:
    """Export all data that the platform stores about you to a JSON file, however much that is.

    A worker writes the file with the rights of your session: the export fails if you sign out before it has ended. The
    file is deleted after seven days. 429 `too_many_exports` while three of your exports have not ended.
    """
    authorization = request.headers["Authorization"]
    row = requests.create(ExportKind.PERSONAL_DATA, {}, requested_by=caller().id, authorization=authorization)
    return row, {"Location": f"{OWN_EXPORTS}/{row.id}"}


@blp.route(OWN_EXPORTS, methods=["GET"])
@authenticated
@blp.arguments(PageQuery, location="query")
@blp.response(200, ExportJobOut(many=True))
def list_own_exports(query: dict[str, Any]) -> Page:
    """List the exports of your data that have not expired, newest first."""
    return requests.list_exports(ExportKind.PERSONAL_DATA, query, of=caller().id)


@blp.route(OWN_EXPORT, methods=["GET"])
@authenticated
@documents(IF_NONE_MATCH)
@tagged
@blp.response(200, ExportJobOut)
def get_own_export(export_id: UUID) -> Export:
    """Get an export of your data with its progress."""
    return requests.get(ExportKind.PERSONAL_DATA, export_id, of=caller().id)


@blp.route(f"{OWN_EXPORT}/cancel", methods=["POST"])
@authenticated
@idempotent
@blp.response(200, ExportJobOut)
def cancel_own_export(export_id: UUID) -> Export:
    """Cancel an export of your data. 409 `export_ended` if it has ended."""
    return requests.cancel(ExportKind.PERSONAL_DATA, export_id, actor=caller().id, of=caller().id)
