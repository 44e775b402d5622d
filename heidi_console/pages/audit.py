"""Audit: who did what, and an export."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import orjson
from flask import Response, render_template, request, stream_with_context

from heidi_console import calls
from heidi_console.access import ADMIN
from heidi_console.components.paging import filters, page_of
from heidi_console.pages.area import Area
from heidi_console.translations import lazy

area = Area("audit", lazy("Audit"), role=ADMIN, group=lazy("Platform"))
FILTERS = ("actor", "action", "target", "outcome", "from", "to")
COLUMNS = ("position", "at", "action", "outcome", "actor", "target", "address", "requestId", "detail", "hash")
MAX_ROWS = 10_000
"""Rows of one export. Filter by time for more."""


@area.list()
def list_() -> str:
    """The audit trail, newest first."""
    chosen = filters(*FILTERS)
    response = calls.get("/auth/audit", **page_of(**chosen))
    return render_template("audit/list.html", entries=response.data, meta=response.meta, filters=chosen)


@area.list("/export")
def list_export() -> Response:
    """The entries that the filters select, as CSV or NDJSON."""
    kind = "csv" if request.args.get("format") == "csv" else "ndjson"
    rows = _rows(filters(*FILTERS))
    lines = _csv(rows) if kind == "csv" else (orjson.dumps(row).decode() + "\n" for row in rows)
    headers = {"Content-Disposition": f"attachment; filename=audit.{kind}"}
    mimetype = "text/csv" if kind == "csv" else "application/x-ndjson"
    return Response(stream_with_context(lines), mimetype=mimetype, headers=headers)


def _rows(chosen: dict[str, str]) -> Iterator[dict[str, Any]]:
    cursor, count = None, 0
    while count < MAX_ROWS:
        response = calls.get("/auth/audit", limit=100, cursor=cursor, **chosen)
        yield from response.data
        count += len(response.data)
        cursor = response.meta.get("nextCursor")
        if not response.meta.get("hasMore"):
            return


def _csv(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield _csv_line(list(COLUMNS))
    for row in rows:
        yield _csv_line([_csv_cell(row[name]) for name in COLUMNS])


def _csv_line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _csv_cell(value: Any) -> str:
    """A cell. A leading quote keeps spreadsheets from executing a text as a formula.

    Source: OWASP, CSV Injection.
    """
    text = orjson.dumps(value).decode() if isinstance(value, dict) else str("" if value is None else value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
