"""Monitors of jobs that run elsewhere: the list, one monitor with its history, create, change, pause, delete."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from flask import render_template
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.access import ADMIN
from heidi_console.api.transport import ApiResponse
from heidi_console.calls import read
from heidi_console.components.paging import filters, page_of
from heidi_console.forms import notified
from heidi_console.forms.durations import short, short_iso
from heidi_console.forms.monitor import NAMES, MonitorForm, form_values
from heidi_console.forms.recipients import UnknownRecipients
from heidi_console.pages.area import Area
from heidi_console.pages.responses import done, names_of, parts
from heidi_console.session import signed_in
from heidi_console.translations import translate

area = Area("monitors", role=ADMIN, prefix="/schedules/monitors")
BASE = "/schedules/monitors"
Save = Callable[[dict[str, Any]], ApiResponse]
STRIP = 50
"""Pings in the strip of a monitor."""


@area.list()
def list_() -> str:
    """The monitors with their status."""
    chosen = filters("status")
    response = calls.get(BASE, **page_of(**chosen))
    return render_template(
        "monitors/list.html", monitors=response.data, meta=response.meta, filters=chosen, expected=expected
    )


@area.show("/<uuid:monitor_id>")
def show(monitor_id: UUID) -> str:
    """One monitor: its URLs, how to use them, and its history."""
    path = f"{BASE}/{monitor_id}"
    monitor = calls.get(path).data
    history = parts(pings=read(f"{path}/pings", limit=STRIP), changes=read(f"{path}/changes", limit=20))
    return render_template(
        "monitors/show.html",
        monitor=monitor,
        pings=history["pings"] or [],
        changes=history["changes"] or [],
        recipients=notified.show(monitor["recipients"], _names(monitor)).splitlines(),
        expected=expected,
        grace=short(monitor["graceSeconds"]),
    )


@area.show("/<uuid:monitor_id>/pings/<uuid:ping_id>")
def show_ping(monitor_id: UUID, ping_id: UUID) -> str:
    """One ping with its body."""
    monitor = calls.get(f"{BASE}/{monitor_id}").data
    ping = calls.get(f"{BASE}/{monitor_id}/pings/{ping_id}").data
    return render_template("monitors/show_ping.html", monitor=monitor, ping=ping)


@area.form("/new")
def form_new() -> str | Response:
    """Create a monitor."""
    user = signed_in.current_user()
    form = MonitorForm(recipients=user["email"] if user else "")
    return _edit(form, lambda body: calls.post(BASE, body, key=form.request_key.data))


@area.form("/<uuid:monitor_id>/edit")
def form_edit(monitor_id: UUID) -> str | Response:
    """Change a monitor."""
    response = calls.get(f"{BASE}/{monitor_id}")
    form = MonitorForm(etag=response.etag, **form_values(response.data, _names(response.data)))
    return _edit(form, lambda body: calls.patch(f"{BASE}/{monitor_id}", body, etag=form.etag.data), response.data)


@area.act("/<uuid:monitor_id>/pause")
def act_pause(monitor_id: UUID) -> Response:
    """Stop watching a job."""
    calls.post(f"{BASE}/{monitor_id}/pause")
    return done(translate("The monitor is paused."), "monitors.show", monitor_id=monitor_id)


@area.act("/<uuid:monitor_id>/resume")
def act_resume(monitor_id: UUID) -> Response:
    """Watch a job again."""
    calls.post(f"{BASE}/{monitor_id}/resume")
    return done(translate("The monitor waits for the next ping."), "monitors.show", monitor_id=monitor_id)


@area.act("/<uuid:monitor_id>/rotate-key")
def act_rotate_key(monitor_id: UUID) -> Response:
    """Replace the ping URL."""
    calls.post(f"{BASE}/{monitor_id}/rotate-key")
    return done(translate("The ping URL is replaced."), "monitors.show", monitor_id=monitor_id)


@area.act("/<uuid:monitor_id>/delete")
def act_delete(monitor_id: UUID) -> Response:
    """Delete a monitor with its history."""
    calls.delete(f"{BASE}/{monitor_id}")
    return done(translate("The monitor is deleted."), "monitors.list")


def expected(monitor: dict[str, Any]) -> str:
    """When pings are expected, in short."""
    return short_iso(monitor["every"]) or str(monitor["cronExpression"])


def _names(monitor: dict[str, Any]) -> dict[str, str]:
    return names_of(item["userId"] for item in monitor["recipients"])


def _edit(form: MonitorForm, save: Save, monitor: dict[str, Any] | None = None) -> str | Response:
    with suppress(UnknownRecipients):  # the form shows it at the field
        if saved := form.submit(lambda: save(form.body()), NAMES):
            return done(translate("The monitor is saved."), "monitors.show", monitor_id=saved.data["id"])
    return render_template("monitors/form.html", form=form, monitor=monitor)
