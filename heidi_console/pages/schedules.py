"""Schedules: the list, one schedule with its runs, create and change, run now, enable, disable, backfill, the week."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.access import ADMIN
from heidi_console.api.problems import ApiProblem
from heidi_console.api.transport import ApiResponse
from heidi_console.calls import read
from heidi_console.components.calendar import coming_week
from heidi_console.components.paging import filters, page_of
from heidi_console.forms import notified
from heidi_console.forms.backfill import BackfillForm
from heidi_console.forms.recipients import UnknownRecipients
from heidi_console.forms.schedule import ScheduleForm, form_values, recipients_of
from heidi_console.forms.schema import SchemaField, read_fields, schema_fields, show_object_problem
from heidi_console.pages.area import Area
from heidi_console.pages.responses import done, names_of, part, parts
from heidi_console.translations import current_locale, lazy, translate, translate_count

area = Area("schedules", lazy("Schedules"), role=ADMIN, group=lazy("Automation"))
Save = Callable[[dict[str, Any]], ApiResponse]
STRIP = 50
"""Runs in the strip of a schedule."""
OPEN_RUNS = ("QUEUED", "RUNNING")
MAX_CALENDAR = 30
"""Schedules in the calendar: those that run next."""


@area.list()
def list_() -> str:
    """The schedules."""
    chosen = filters("isEnabled", "isFailing", "action", "q", "tag", "kind")
    response = calls.get("/schedules", **page_of(**chosen))
    actions = [action["name"] for action in part("/schedules/actions") or []]
    return render_template(
        "schedules/list.html", schedules=response.data, meta=response.meta, filters=chosen, actions=actions
    )


@area.list("/week")
def list_week() -> str:
    """The runs of the coming seven days, in the time zone of the user."""
    schedules = [each for each in calls.get("/schedules", isEnabled=True, limit=100).data if each["nextRun"]]
    soonest = sorted(schedules, key=lambda each: str(each["nextRun"]))[:MAX_CALENDAR]
    upcoming = parts(**{each["id"]: read(f"/schedules/{each['id']}/upcoming", count=100) for each in soonest})
    days = coming_week((each, upcoming[each["id"]]) for each in soonest)
    return render_template("schedules/list_week.html", days=days, shown=len(soonest), limit=MAX_CALENDAR)


@area.show("/<uuid:schedule_id>")
def show(schedule_id: UUID) -> str:
    """One schedule with its next and last runs."""
    base = f"/schedules/{schedule_id}"
    schedule = calls.get(base).data
    recipients = recipients_of(schedule)
    names = names_of(item["userId"] for item in recipients)
    upcoming = read(f"{base}/upcoming", count=5, lang=current_locale())
    open_backfills = {status: read(f"{base}/runs", trigger="BACKFILL", status=status, limit=1) for status in OPEN_RUNS}
    times = parts(upcoming=upcoming, runs=read(f"{base}/runs", limit=STRIP), **open_backfills)
    return render_template(
        "schedules/show.html",
        schedule=schedule,
        recipients=notified.show(recipients, names).splitlines(),
        upcoming=times["upcoming"],
        runs=times["runs"] or [],
        backfill=BackfillForm(),
        has_open_backfill=any(times[status] for status in OPEN_RUNS),
    )


@area.form("/new")
def form_new() -> str | Response:
    """Create a schedule: first the action, then when and with what it runs."""
    actions = {action["name"]: action for action in calls.get("/schedules/actions").data}
    action = actions.get(request.values.get("action", ""))
    if action is None:
        return render_template("schedules/form_action.html", actions=actions.values())
    form = ScheduleForm()
    return _edit(form, action, {}, lambda body: calls.post("/schedules", body, key=form.request_key.data))


@area.form("/<uuid:schedule_id>/edit")
def form_edit(schedule_id: UUID) -> str | Response:
    """Change a schedule."""
    response = calls.get(f"/schedules/{schedule_id}")
    actions = {action["name"]: action for action in calls.get("/schedules/actions").data}
    names = names_of(item["userId"] for item in recipients_of(response.data))
    form = ScheduleForm(etag=response.etag, **form_values(response.data, names))
    payload = response.data["payload"]
    path = f"/schedules/{schedule_id}"
    return _edit(
        form, actions[response.data["action"]], payload, lambda body: calls.patch(path, body, etag=form.etag.data)
    )


@area.act("/preview")
def act_preview() -> str:
    """What a cron expression means, and when it runs next: a part of the form, updated while typing."""
    body = {"cronExpression": request.form.get("cron_expression"), "timezone": request.form.get("timezone")}
    if not (body["cronExpression"] or "").strip():
        return ""
    try:
        preview = calls.post("/schedules/preview", body | {"lang": current_locale()}).data
        return render_template("schedules/preview.html", preview=preview)
    except ApiProblem as problem:
        error = " ".join(error.detail for error in problem.errors) or problem.detail
        return render_template("schedules/preview.html", error=error)


@area.act("/<uuid:schedule_id>/run")
def act_run(schedule_id: UUID) -> Response:
    """Run a schedule now, and watch the run."""
    run = calls.post(f"/schedules/{schedule_id}/run").data
    return redirect(url_for("runs.show", schedule_id=schedule_id, run_id=run["id"]), 303)


@area.act("/<uuid:schedule_id>/enabled")
def act_enabled(schedule_id: UUID) -> Response:
    """Enable or disable a schedule."""
    enabled = request.form.get("enabled") == "yes"
    calls.post(f"/schedules/{schedule_id}/{'enable' if enabled else 'disable'}")
    text = translate("The schedule is enabled.") if enabled else translate("The schedule is disabled.")
    return done(text, "schedules.show", schedule_id=schedule_id)


@area.act("/<uuid:schedule_id>/backfill")
def act_backfill(schedule_id: UUID) -> Response:
    """Run what was missed in a past period."""
    form = BackfillForm()
    if not form.validate_on_submit():
        flash(translate("Enter the start and the end of the period."), "bad")
        return redirect(url_for("schedules.show", schedule_id=schedule_id), 303)
    result = calls.post(f"/schedules/{schedule_id}/backfill", form.body(), key=form.request_key.data).data
    text = translate_count("%(num)s run is queued.", "%(num)s runs are queued.", result["runs"])
    return done(text, "schedules.show", schedule_id=schedule_id)


@area.act("/<uuid:schedule_id>/backfill/cancel")
def act_cancel_backfill(schedule_id: UUID) -> Response:
    """Cancel the runs of all backfills that have not ended."""
    result = calls.post(f"/schedules/{schedule_id}/backfill/cancel").data
    text = translate_count("%(num)s run is cancelled.", "%(num)s runs are cancelled.", result["runs"])
    return done(text, "schedules.show", schedule_id=schedule_id)


@area.act("/<uuid:schedule_id>/delete")
def act_delete(schedule_id: UUID) -> Response:
    """Delete a schedule and its runs."""
    calls.delete(f"/schedules/{schedule_id}")
    return done(translate("The schedule is deleted."), "schedules.list")


def _edit(form: ScheduleForm, action: dict[str, Any], payload: dict[str, Any], save: Save) -> str | Response:
    fields = schema_fields(action["payload"], payload)
    if form.is_submitted() and (response := _save(form, fields, action["name"], save)):
        return response
    return render_template("schedules/form_edit.html", form=form, action=action, fields=fields)


def _save(form: ScheduleForm, fields: list[SchemaField], action: str, save: Save) -> Response | None:
    """Save the schedule. None if something is wrong; the form then says what."""
    payload = read_fields(fields, request.form)
    if not form.validate() or any(field.error for field in fields):
        return None
    try:
        schedule = save(form.body(action, payload)).data
    except ApiProblem as problem:
        show_object_problem(form, fields, problem, "payload")
        return None
    except UnknownRecipients:
        return None  # the form shows it at the field
    return done(translate("The schedule is saved."), "schedules.show", schedule_id=schedule["id"])
