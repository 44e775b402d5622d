"""Home: the state of the platform at one look, what needs attention, and charts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from heidi_console.access import ADMIN, MODERATOR, USER, allows
from heidi_console.components.attention import needs_attention, tiles
from heidi_console.components.charts import Chart, bars, durations
from heidi_console.components.statuses import BAD, BUSY, GOOD, WARN
from heidi_console.pages.area import Area
from heidi_console.pages.responses import part
from heidi_console.translations import lazy, translate

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
        return redirect(url_for("messages.form_new" if allows(MODERATOR) else "inbox.list"), 303)
    period = request.args.get("period", "")
    period = period if period in PERIODS else "hour"
    return render_template(
        "home/list.html",
        status=part("/core/status"),
        tiles=tiles(part("/core/overview") or {}),
        attention=needs_attention(part("/core/attention") or []),
        charts=_charts(*PERIODS[period]),
        periods={"hour": translate("Last hour"), "day": translate("Last day"), "week": translate("Last week")},
        period=period,
    )


def _charts(length: timedelta, step: int) -> list[Chart]:
    """The charts of a period; without those that are unavailable."""
    start = (datetime.now(UTC) - length).strftime("%Y-%m-%dT%H:%M:%SZ")
    read = partial(part, "/core/overview/series", step=step, **{"from": start})
    return [draw(data) for metric, draw in _drawings().items() if (data := read(metric=metric))]


def _drawings() -> dict[str, Callable[[Any], Chart]]:
    """Metric -> how its data becomes a chart."""
    sent = {"SENT": GOOD, "FAILED": BAD}
    ended = {"SUCCEEDED": GOOD, "FAILED": BAD, "TIMED_OUT": WARN}
    delivered = {"DELIVERED": GOOD, "RETRIED": WARN, "FAILED": BAD}
    return {
        "messages": lambda data: bars(translate("Messages"), data, "status", sent),
        "deliveryTime": lambda data: durations(translate("Time to deliver a message"), data),
        "events": lambda data: bars(translate("Events"), data, None, {"ALL": BUSY}),
        "runs": lambda data: bars(translate("Runs of schedules"), data, "status", ended),
        "deliveries": lambda data: bars(translate("Deliveries to webhooks"), data, "outcome", delivered),
        "signIns": lambda data: bars(translate("Sign-ins"), data, "outcome", {"SUCCEEDED": GOOD, "FAILED": BAD}),
    }
