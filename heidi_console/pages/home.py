"""Home: the state of the platform at one look, what needs attention, and charts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.access import ADMIN, MODERATOR, USER, allows
from heidi_console.api.transport import ApiCall
from heidi_console.calls import read
from heidi_console.components.attention import needs_attention, tiles
from heidi_console.components.charts import Chart, bars, durations
from heidi_console.components.paging import page_of
from heidi_console.components.statuses import BAD, BUSY, GOOD, WARN
from heidi_console.pages.area import Area
from heidi_console.pages.responses import data_of, done
from heidi_console.translations import lazy, translate, translate_count

area = Area("home", lazy("Home"), role=USER, prefix="")
PERIODS = {
    "hour": (timedelta(hours=1), 60),
    "day": (timedelta(days=1), 1800),
    "week": (timedelta(days=7), 4 * 3600),
}
"""Period -> its length, and the seconds of a bar."""


@area.list("/")
def list_() -> str | Response:
    """The status of services and servers, counts, and what needs attention."""
    if not allows(ADMIN):
        return redirect(url_for("messages.form_new" if allows(MODERATOR) else "home.show_inbox"), 303)
    period = request.args.get("period", "")
    period = period if period in PERIODS else "hour"
    reads = {"status": read("/core/status"), "overview": read("/core/overview"), "problems": read("/core/attention")}
    results = calls.get_all(reads | {"charts": _charts(*PERIODS[period])})
    shown = {name: data_of(result) for name, result in results.items()}
    return render_template(
        "home/list.html",
        status=shown["status"],
        tiles=tiles(shown["overview"] or {}),
        attention=None if shown["problems"] is None else needs_attention(shown["problems"]),
        silent_services=getattr(results["problems"], "meta", {}).get("unavailable", []),
        charts=[_DRAWINGS[chart["metric"]](chart) for chart in shown["charts"] or []],
        periods={"hour": translate("Last hour"), "day": translate("Last day"), "week": translate("Last week")},
        period=period,
    )


@area.show("/inbox")
def show_inbox() -> str:
    """The in-app messages of the signed-in user."""
    response = calls.get("/notifications", **page_of(channel="IN_APP"))
    return render_template("home/show_inbox.html", messages=response.data, meta=response.meta)


@area.show("/inbox/unread")
def show_unread() -> Response:
    """The number of unread messages, for the bell."""
    count = calls.get("/notifications/unread-count").data["count"]
    label = translate_count("Inbox, %(num)s unread message", "Inbox, %(num)s unread messages", count)
    return jsonify(count=count, label=label if count else translate("Inbox"))


@area.act("/inbox/<uuid:message_id>/read")
def act_read(message_id: UUID) -> Response:
    """Mark one of the own messages as read."""
    calls.post(f"/notifications/{message_id}/read")
    return redirect(url_for("home.show_inbox"), 303)


@area.act("/inbox/read-all")
def act_read_all() -> Response:
    """Mark all own messages as read."""
    calls.post("/notifications/read-all")
    return done(translate("All messages are marked as read."), "home.show_inbox")


def _charts(length: timedelta, step: int) -> ApiCall:
    """Read the charts of a period."""
    start = (datetime.now(UTC) - length).strftime("%Y-%m-%dT%H:%M:%SZ")
    return read("/core/overview/charts", metrics=",".join(_DRAWINGS), step=step, **{"from": start})


_SENT = {"SENT": GOOD, "FAILED": BAD}
_ENDED = {"SUCCEEDED": GOOD, "FAILED": BAD, "TIMED_OUT": WARN}
_DELIVERED = {"DELIVERED": GOOD, "RETRIED": WARN, "FAILED": BAD}
_SIGNED_IN = {"SUCCEEDED": GOOD, "FAILED": BAD}
_DRAWINGS: Mapping[str, Callable[[Any], Chart]] = {
    "messages": lambda data: bars(translate("Messages"), data, "status", _SENT),
    "deliveryTime": lambda data: durations(translate("Time to deliver a message"), data),
    "events": lambda data: bars(translate("Events"), data, None, {"ALL": BUSY}),
    "runs": lambda data: bars(translate("Runs of schedules"), data, "status", _ENDED),
    "deliveries": lambda data: bars(translate("Deliveries to webhooks"), data, "outcome", _DELIVERED),
    "signIns": lambda data: bars(translate("Sign-ins"), data, "outcome", _SIGNED_IN),
}
"""Metric -> how its data becomes a chart, in the order of the page."""
