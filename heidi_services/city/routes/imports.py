"""Imports of cities: request, progress, result of each row, cancel."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.import_jobs import requests
from heidi_common.import_jobs.models import Import, ImportKind
from heidi_common.import_jobs.schemas import ImportLineOut, ImportOut, ImportQuery, LineQuery
from heidi_common.import_jobs.upload import REQUEST_BODY, imported_file
from heidi_common.interceptors.conditional import tagged
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.jwt.guards import caller, guard
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_common.schemas.base import PageQuery
from heidi_services.city.routes.blueprint import blp
from heidi_services.city.service.http_import import CityImporter

IMPORTS = "/api/v1/cities/imports"
IMPORT = f"{IMPORTS}/<uuid:import_id>"
allowed = guard(Role.ADMIN, Role.MODERATOR)


@blp.route(IMPORTS, methods=["POST"])
@allowed
@idempotent
@blp.doc(requestBody=REQUEST_BODY)
@blp.arguments(ImportQuery, location="query")
@blp.response(202, ImportOut)
def request_import(query: dict[str, Any]) -> Any:
    """Import cities from CSV, NDJSON or a JSON array. A worker carries the import out.

    The columns are those of `flask cities import --file`. New cities are added, and those are changed whose source has
    changed since the last import. 422 if the file is rejected as a whole. 429 `too_many_imports` while ten imports have
    not ended.
    """
    raw = imported_file(query.pop("file_id"))
    row = requests.create(CityImporter, raw, query, requested_by=caller().id)
    return row, {"Location": f"{IMPORTS}/{row.id}"}


@blp.route(IMPORTS, methods=["GET"])
@allowed
@blp.arguments(PageQuery, location="query")
@blp.response(200, ImportOut(many=True))
def list_imports(query: dict[str, Any]) -> Page:
    """List the imports of the last 30 days, newest first."""
    return requests.list_imports(ImportKind.CITIES, query)


@blp.route(IMPORT, methods=["GET"])
@allowed
@documents(IF_NONE_MATCH)
@tagged
@blp.response(200, ImportOut)
def get_import(import_id: UUID) -> Import:
    """Get an import with its progress."""
    return requests.get(ImportKind.CITIES, import_id)


@blp.route(f"{IMPORT}/lines", methods=["GET"])
@allowed
@blp.arguments(LineQuery, location="query")
@blp.response(200, ImportLineOut(many=True))
def list_lines(query: dict[str, Any], import_id: UUID) -> Page:
    """List the results of the rows in the order of the file. `outcome=REFUSED` selects those with an error."""
    return requests.list_lines(ImportKind.CITIES, import_id, query)


@blp.route(f"{IMPORT}/cancel", methods=["POST"])
@allowed
@idempotent
@blp.response(200, ImportOut)
def cancel_import(import_id: UUID) -> Import:
    """Cancel an import. The cities that it has stored stay. 409 `import_ended` if it has ended."""
    return requests.cancel(ImportKind.CITIES, import_id, actor=caller().id)
