"""Runs: those of all schedules, and one run; cancel, queue again."""

from __future__ import annotations

from uuid import UUID

from flask import render_template
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.access import ADMIN
from heidi_console.components.paging import filters, page_of
from heidi_console.pages.area import Area
from heidi_console.pages.responses import done, part
from heidi_console.translations import translate

area = Area("runs", role=ADMIN, prefix="/schedules")
FILTERS = ("status", "trigger", "action")
OPEN = ("QUEUED", "RUNNING")
REPEATABLE = ("FAILED", "TIMED_OUT", "CANCELLED", "SKIPPED")


@area.list("/runs")
def list_() -> str:
    """The runs of all schedules, latest first."""
    chosen = filters(*FILTERS)
    response = calls.get("/schedules/runs", **page_of(**chosen))
    names = {each["id"]: each["name"] for each in part("/schedules", limit=100) or []}
    for schedule_id in {run["scheduleId"] for run in response.data} - names.keys():
        names[schedule_id] = (part(f"/schedules/{schedule_id}") or {}).get("name", "")
    actions = [action["name"] for action in part("/schedules/actions") or []]
    return render_template(
        "runs/list.html", runs=response.data, meta=response.meta, filters=chosen, names=names, actions=actions
    )


@area.show("/<uuid:schedule_id>/runs/<uuid:run_id>")
def show(schedule_id: UUID, run_id: UUID) -> str:
    """One run with its result or error."""
    run = calls.get(f"/schedules/{schedule_id}/runs/{run_id}").data
    schedule = calls.get(f"/schedules/{schedule_id}").data
    return render_template("runs/show.html", run=run, schedule=schedule, open=OPEN, repeatable=REPEATABLE)


@area.act("/<uuid:schedule_id>/runs/<uuid:run_id>/cancel")
def act_cancel(schedule_id: UUID, run_id: UUID) -> Response:
    """Cancel a run that has not ended."""
    run = calls.post(f"/schedules/{schedule_id}/runs/{run_id}/cancel").data
    cancelled = run["status"] == "CANCELLED"
    text = translate("The run is cancelled.") if cancelled else translate("The run is asked to end.")
    return done(text, "runs.show", schedule_id=schedule_id, run_id=run_id)


@area.act("/<uuid:schedule_id>/runs/<uuid:run_id>/retry")
def act_retry(schedule_id: UUID, run_id: UUID) -> Response:
    """Queue a run again."""
    calls.post(f"/schedules/{schedule_id}/runs/{run_id}/retry")
    return done(translate("The run is queued again."), "runs.show", schedule_id=schedule_id, run_id=run_id)
