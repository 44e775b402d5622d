"""The search over everything that the user may see; the search box of every page leads here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import current_app, render_template, request, url_for

from heidi_console import calls
from heidi_console.access import USER, allows, required_role
from heidi_console.pages.area import AREAS, Area
from heidi_console.translations import lazy
from heidi_console.translations.terms import term

area = Area("search", role=USER)
KINDS = {
    "user": (lazy("People"), "people.show", "user_id"),
    "city": (lazy("Places"), "places.show", "city_id"),
    "message": (lazy("Messages"), "messages.show", "message_id"),
    "schedule": (lazy("Schedules"), "schedules.show", "schedule_id"),
    "integration": (lazy("Webhooks"), "webhooks.show", "webhook_id"),
    "operation": (lazy("Operations"), "operations.show", "operation_id"),
    "event": (lazy("Events"), "events.list", "subject"),
    "eventType": (lazy("Events"), "events.list", "type"),
}
"""Kind of a result -> its label, its page, and the value of the page's URL that identifies it."""


@dataclass(frozen=True)
class Result:
    """A result with its page; without one if the user's role, or the console, has no page for it."""

    kind: str
    title: str
    detail: str
    url: str | None


@area.list()
def list_() -> str:
    """The results of a search."""
    q = request.args.get("q", "").strip()
    response = calls.get("/core/search", q=q[:100]) if q else None
    results = [_result(hit) for hit in response.data] if response else []
    unavailable = response.meta.get("unavailable", []) if response else []
    return render_template("search/list.html", q=q, results=results, pages=_areas(q), unavailable=unavailable)


def _result(hit: Mapping[str, Any]) -> Result:
    label, endpoint, name = KINDS[hit["kind"]]
    identity = hit["detail"] if hit["kind"] == "event" else hit["id"]
    detail = " · ".join(term(word) for word in (hit["detail"] or "").split(" ")) if hit["kind"] == "message" else None
    return Result(str(label), term(hit["title"]), detail or hit["detail"] or "", _url(endpoint, name, identity))


def _url(endpoint: str, name: str, identity: str) -> str | None:
    if endpoint not in current_app.view_functions:
        return None
    role = required_role(current_app, endpoint)
    return url_for(endpoint, **{name: identity}) if role and allows(role) else None  # type: ignore[arg-type]


def _areas(q: str) -> list[tuple[str, str]]:
    """The areas whose name has the text, with their URLs."""
    areas: list[Area] = current_app.extensions[AREAS]
    named = [each for each in areas if q and each.label and q.lower() in str(each.label).lower()]
    starts = [(str(each.label), f"{each.name}.{start}") for each in named for start in each.starts]
    return [(label, url) for label, endpoint in starts if (url := _start(endpoint)) is not None]


def _start(endpoint: str) -> str | None:
    role = required_role(current_app, endpoint)
    return url_for(endpoint) if role and allows(role) else None
