"""Audit: who did what, whether the trail is intact, and an export."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Response, flash, redirect, render_template, request, session, stream_with_context, url_for

from heidi_console import calls
from heidi_console.access import ADMIN
from heidi_console.components.paging import filters, page_of
from heidi_console.forms.list_filters import InvalidFilter, api_filters
from heidi_console.pages.area import Area
from heidi_console.pages.responses import client_names, is_id, names_of
from heidi_console.translations import lazy

area = Area("audit", lazy("Audit"), role=ADMIN, group=lazy("Platform"))
FILTERS = ("actor", "action", "target", "outcome", "from", "to")
COLUMNS = ("position", "at", "action", "outcome", "actor", "target", "address", "requestId", "detail", "hash")
ACTIONS = (
    *("authn_login_success", "authn_login_fail", "authn_logout_all", "authn_mfa_disabled", "authn_token_reuse"),
    *("authz_fail", "client_created", "client_revoked", "client_secret_rotated", "file_deleted", "file_downloaded"),
    *("integration_created", "integration_deleted", "integration_secret_rotated", "integration_updated"),
    *("schedule_created", "schedule_deleted", "schedule_updated", "suppression_added", "suppression_removed"),
    *("user_created", "user_data_exported", "user_deleted", "user_erased", "user_restored", "user_updated"),
)
"""Suggestions for the filter: the frequent ones."""
MAX_ROWS = 10_000
"""Rows of one export. Filter by time for more."""
SECONDS = 3.0
"""How long one request verifies the chain."""


@area.list()
def list_() -> str:
    """The audit trail, newest first."""
    chosen = filters(*FILTERS)
    try:
        response = calls.get("/auth/audit", **page_of(**_api_filters(chosen)))
    except InvalidFilter as error:
        return render_template(
            "audit/list.html", entries=[], meta={}, filters=chosen, people={}, clients={}, error=str(error)
        )
    actors = {entry[name] for entry in response.data for name in ("actor", "target") if is_id(entry[name])}
    people = names_of(actors)
    return render_template(
        "audit/list.html",
        entries=response.data,
        meta=response.meta,
        filters=chosen,
        people=people,
        clients=client_names() if actors - people.keys() else {},
        actions=ACTIONS,
    )


@area.show("/integrity")
def show_integrity() -> str:
    """The verification of the hash chain: its progress, or its result."""
    return render_template("audit/show_integrity.html", check=session.get("integrity"))


@area.act("/integrity/verify")
def act_verify() -> Response:
    """Verify the hash chain from its start, or continue, for a few seconds. The page goes on until all is verified."""
    check = session.get("integrity") if request.form.get("continue") else None
    session["integrity"] = _verify(check or {"end": 0, "rows": 0})
    return redirect(url_for("audit.show_integrity"), 303)  # type: ignore[return-value]


@area.list("/export")
def list_export() -> Response:
    """The entries that the filters select, as CSV or NDJSON."""
    kind = "csv" if request.args.get("format") == "csv" else "ndjson"
    try:
        rows = _rows(_api_filters(filters(*FILTERS)))
    except InvalidFilter as error:
        flash(str(error), "bad")
        return redirect(url_for("audit.list", **request.args.to_dict()), 303)  # type: ignore[arg-type, return-value]
    lines = _csv(rows) if kind == "csv" else (orjson.dumps(row).decode() + "\n" for row in rows)
    headers = {"Content-Disposition": f"attachment; filename=audit.{kind}"}
    mimetype = "text/csv" if kind == "csv" else "application/x-ndjson"
    return Response(stream_with_context(lines), mimetype=mimetype, headers=headers)


def _api_filters(chosen: dict[str, str]) -> dict[str, str]:
    return api_filters(chosen, users=("actor", "target"), times=("from", "to"))


def _verify(check: dict[str, Any]) -> dict[str, Any]:
    """Verify further parts of the chain, until SECONDS have passed."""
    end = time.monotonic() + SECONDS
    while True:
        part = calls.get("/auth/audit/integrity", **{"from": check["end"] + 1}).data
        check = {
            "end": part["to"],
            "rows": check["rows"] + part["rows"],
            "last": part["last"],
            "head": part["head"],
            "broken_at": part["brokenAt"],
            "is_running": part["isIntact"] and not part["isComplete"],
            "at": datetime.now(UTC).isoformat(),
        }
        if not check["is_running"] or time.monotonic() > end:
            return check


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
