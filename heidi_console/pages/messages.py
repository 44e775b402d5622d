"""Messages: the list, one message with its attempts, a new message, cancel and retry, batches."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.access import ADMIN, MODERATOR, allows
from heidi_console.api.problems import ApiProblem
from heidi_console.calls import read
from heidi_console.components.paging import filters, page_of
from heidi_console.forms.list_filters import InvalidFilter, api_filters
from heidi_console.forms.message import TEMPLATE, MessageForm
from heidi_console.forms.recipients import UnknownRecipients, audience
from heidi_console.pages.area import Area
from heidi_console.pages.responses import names_of, part, parts
from heidi_console.session import html_frames, signed_in
from heidi_console.translations import lazy, translate, translate_count

area = Area("messages", lazy("Messages"), role=MODERATOR, starts=("list", "form_new"), group=lazy("Communication"))
FILTERS = ("status", "channel", "category", "template", "userId", "batchId", "since")
TEMPLATES = "/notifications/templates"
RETRY_FILTERS = ("channel", "category", "userId", "batchId", "since")


@area.list(role=ADMIN)
def list_() -> str:
    """The messages of all users, latest first."""
    chosen = filters(*FILTERS)
    try:
        params = api_filters(chosen, users=("userId",), times=("since",))
    except InvalidFilter as error:
        return render_template("messages/list.html", messages=[], meta={}, filters=chosen, people={}, error=str(error))
    response = calls.get("/notifications", **page_of(scope="all", **params))
    people = names_of(message["userId"] for message in response.data)
    return render_template(
        "messages/list.html", messages=response.data, meta=response.meta, filters=chosen, people=people
    )


@area.show("/<uuid:message_id>", role=ADMIN)
def show(message_id: UUID) -> str:
    """One message: its content as the recipient sees it, and its delivery attempts."""
    path = f"/notifications/{message_id}"
    message = calls.get(path).data
    details = parts(attempts=read(f"{path}/attempts", limit=100), recipient=read(f"/users/{message['userId']}"))
    return render_template(
        "messages/show.html",
        message=message,
        frame=html_frames.keep(message["html"]),
        suppression=_suppression(message, details["recipient"]),
        **details,
    )


def _suppression(message: dict[str, Any], recipient: dict[str, Any] | None) -> dict[str, Any] | None:
    """The suppression because of which a message failed; None if there is none (any more)."""
    if message["failureReason"] != "suppressed" or recipient is None:
        return None
    address = recipient["phone"] if message["channel"] == "SMS" else recipient["email"]
    if not address:
        return None
    rows = part("/notifications/suppressions", address=address, channel=message["channel"], limit=1) or []
    return rows[0] if rows else None


@area.show("/batches/<uuid:batch_id>")
def show_batch(batch_id: UUID) -> str:
    """The progress of a batch."""
    return render_template("messages/show_batch.html", batch=calls.get(f"/notifications/batches/{batch_id}").data)


@area.form("/new")
def form_new() -> str | Response:
    """Compose a message."""
    form = MessageForm(user=request.args.get("user"))
    form.attachments.choices = _own_files()
    if form.validate_on_submit() and (response := _send(form)):
        return response
    templates = part(TEMPLATES, limit=100) or [] if allows(ADMIN) else []
    return render_template("messages/form_new.html", form=form, templates=sorted({each["name"] for each in templates}))


@area.act("/preview", role=ADMIN)
def act_preview() -> str:
    """What the chosen template becomes with the variables: a part of the form, updated while typing."""
    form = MessageForm()
    name = (form.template.data or "").strip()
    if form.source.data != TEMPLATE or not name:
        return ""
    rows = calls.get(TEMPLATES, name=name, channel=form.channel.data, limit=100).data
    stored = sorted((row for row in rows if row["name"] == name), key=lambda row: bool(row["locale"] != "en"))
    if not stored:
        return render_template("templates/preview.html", errors=[translate("No stored template has this name.")])
    try:
        preview = calls.post(f"{TEMPLATES}/{stored[0]['id']}/preview", {"variables": form.variables.value}).data
    except ApiProblem as problem:
        errors = [error.detail for error in problem.errors] or [problem.detail]
        return render_template("templates/preview.html", errors=errors)
    return render_template("templates/preview.html", preview=preview, frame=html_frames.keep(preview["html"]))


@area.act("/<uuid:message_id>/retry", role=ADMIN)
def act_retry(message_id: UUID) -> Response:
    """Retry a failed message."""
    calls.post(f"/notifications/{message_id}/retry")
    flash(translate("The message is being sent again."), "good")
    return redirect(url_for("messages.show", message_id=message_id), 303)


@area.act("/<uuid:message_id>/cancel", role=ADMIN)
def act_cancel(message_id: UUID) -> Response:
    """Cancel a message that has not been sent yet."""
    calls.delete(f"/notifications/{message_id}")
    flash(translate("The message is cancelled and will not be sent."), "good")
    return redirect(url_for("messages.show", message_id=message_id), 303)


@area.act("/retry-failed", role=ADMIN)
def act_retry_failed() -> Response:
    """Retry all failed messages that the filters of the list select."""
    body = {name: value for name in RETRY_FILTERS if (value := request.form.get(name))}
    try:
        selected = api_filters(body, users=("userId",), times=("since",))
    except InvalidFilter as error:
        flash(str(error), "bad")
        return redirect(url_for("messages.list", status="FAILED"), 303)
    retried = calls.post("/notifications/retry-failed", selected).data["retried"]
    flash(
        translate_count("%(num)s message is being sent again.", "%(num)s messages are being sent again.", retried),
        "good",
    )
    chosen: dict[str, Any] = {name: value for name, value in body.items() if name in FILTERS}
    return redirect(url_for("messages.list", **chosen), 303)


def _own_files() -> list[tuple[str, str]]:
    """The user's latest files, which can be attached. None, if the file service is unavailable."""
    user = signed_in.current_user() or {}
    files = part("/files", userId=user.get("id"), status="READY", limit=50) or []
    return [(file["id"], file["name"]) for file in files]


def _send(form: MessageForm) -> Response | None:
    """Enqueue the message. None if it was rejected; the form then says why."""
    try:
        path, recipients = audience(form)
        accepted = calls.post(path, form.body() | recipients, key=form.request_key.data).data
    except UnknownRecipients as error:
        form[form.to.data if form.to.data != "list" else "users"].errors = [str(error)]
        return None
    except ApiProblem as problem:
        form.show_problem(problem, {"userId": "user", "userIds": "users", "filter": "role"})
        return None
    return _accepted(accepted)


def _accepted(accepted: dict[str, Any]) -> Response:
    flash(translate("The message is accepted."), "good")
    if accepted.get("batchId") is not None:
        return redirect(url_for("messages.show_batch", batch_id=accepted["batchId"]), 303)
    return redirect(url_for("messages.show", message_id=accepted["id"]), 303)
