"""People: search, one account with everything that belongs to it, and the actions of support."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from heidi_common.database.models import utcnow
from heidi_console import calls
from heidi_console.access import ADMIN, MODERATOR, allows
from heidi_console.api.problems import ApiProblem
from heidi_console.calls import read
from heidi_console.components.paging import filters, page_of
from heidi_console.forms.account import AccountForm, InvitationForm
from heidi_console.forms.base import optional
from heidi_console.pages.area import Area
from heidi_console.pages.avatars import change_avatar, remove_avatar, show_avatar
from heidi_console.pages.files import SLICE_BYTES
from heidi_console.pages.responses import client_names, done, is_id, json_file, names_of, parts
from heidi_console.translations import lazy, translate
from heidi_console.translations.terms import term

area = Area("people", lazy("People"), role=MODERATOR, group=lazy("Directory"))
ACCOUNT = ("first_name", "last_name", "phone", "locale", "timezone")


@area.list()
def list_() -> str:
    """The accounts."""
    chosen = filters("q", "role", "isActive", "includeDeleted")
    response = calls.get("/users", **page_of(**chosen))
    return render_template("people/list.html", people=response.data, meta=response.meta, filters=chosen)


@area.list("/suggest")
def list_suggestions() -> Response:
    """Accounts for a field that asks for a user, as JSON."""
    from flask import jsonify

    users = calls.get("/users", q=request.args.get("q", ""), limit=8).data
    return jsonify([{"value": user["email"], "label": _name(user)} for user in users])


@area.show("/<uuid:user_id>")
def show(user_id: UUID) -> str:
    """One account; for administrators with its sessions, messages, integrations and audit trail."""
    response = calls.get(f"/users/{user_id}")
    details = _details(response.data) if allows(ADMIN) else {}
    return render_template(
        "people/show.html", person=response.data, name=_name(response.data), slice_bytes=SLICE_BYTES, **details
    )


@area.form("/new", role=ADMIN)
def form_new() -> str | Response:
    """Invite somebody: create the account and send the e-mail with which the password is chosen."""
    form = InvitationForm()
    if user := form.submit(lambda: _invite(form)):
        return done(translate("The invitation is on its way."), "people.show", user_id=user["id"])
    return render_template("people/form_new.html", form=form)


@area.form("/<uuid:user_id>/edit", role=ADMIN)
def form_edit(user_id: UUID) -> str | Response:
    """Change an account."""
    response = calls.get(f"/users/{user_id}")
    form = AccountForm(etag=response.etag, **_fields(response.data))
    body = form.values(*ACCOUNT, "role", "email")
    if form.submit(lambda: calls.patch(f"/users/{user_id}", body, etag=form.etag.data)):
        return done(translate("The account is changed."), "people.show", user_id=user_id)
    return render_template("people/form_edit.html", form=form, person=response.data, name=_name(response.data))


@area.show("/<uuid:user_id>/avatar")
def show_picture(user_id: UUID) -> Response:
    """The picture of a user."""
    return show_avatar(user_id)


@area.act("/<uuid:user_id>/avatar", role=ADMIN)
def act_avatar(user_id: UUID) -> Response:
    """Change the picture of a user."""
    return change_avatar(user_id, "people.show", user_id=user_id)


@area.act("/<uuid:user_id>/avatar/remove", role=ADMIN)
def act_remove_avatar(user_id: UUID) -> Response:
    """Remove the picture of a user."""
    return remove_avatar(user_id, "people.show", user_id=user_id)


@area.act("/<uuid:user_id>/active", role=ADMIN)
def act_active(user_id: UUID) -> Response:
    """Deactivate or activate an account. Deactivation ends all sessions at once."""
    active = request.form.get("active") == "yes"
    calls.patch(f"/users/{user_id}", {"isActive": active})
    text = translate("The account is active.") if active else translate("The account is deactivated and signed out.")
    return done(text, "people.show", user_id=user_id)


@area.act("/<uuid:user_id>/delete", role=ADMIN)
def act_delete(user_id: UUID) -> Response:
    """Delete an account. It can be restored."""
    calls.delete(f"/users/{user_id}")
    return done(translate("The account is deleted. You can restore it."), "people.show", user_id=user_id)


@area.act("/<uuid:user_id>/restore", role=ADMIN)
def act_restore(user_id: UUID) -> Response:
    """Restore a deleted account."""
    calls.post(f"/users/{user_id}/restore")
    return done(translate("The account is restored."), "people.show", user_id=user_id)


@area.act("/<uuid:user_id>/sign-out", role=ADMIN)
def act_end_sessions(user_id: UUID) -> Response:
    """End all sessions of a user, or one of them."""
    session_id = request.form.get("session_id")
    path = f"/users/{user_id}/sessions" + (f"/{UUID(session_id)}" if session_id else "")
    return _support(user_id, path, translate("The user is signed out."))


@area.act("/<uuid:user_id>/remove-second-factor", role=ADMIN)
def act_remove_second_factor(user_id: UUID) -> Response:
    """Remove the second factor of a user who has lost it."""
    return _support(user_id, f"/users/{user_id}/mfa", translate("The second factor is removed."))


@area.act("/<uuid:user_id>/export", role=ADMIN)
def act_export(user_id: UUID) -> Response:
    """Everything that the platform stores about a user, as a JSON file."""
    reason = _reason()
    if not reason:
        return redirect(url_for("people.show", user_id=user_id), 303)
    return json_file(calls.get(f"/users/{user_id}/export", reason=reason).data, _export_name(user_id))


@area.act("/<uuid:user_id>/invite", role=ADMIN)
def act_invite(user_id: UUID) -> Response:
    """Send the invitation again."""
    calls.post("/auth/password/invite", {"userId": str(user_id)})
    return done(translate("The invitation is on its way."), "people.show", user_id=user_id)


@area.act("/<uuid:user_id>/password-link", role=ADMIN)
def act_password_link(user_id: UUID) -> Response:
    """E-mail a user a link to choose a new password, as the sign-in page does for a forgotten one."""
    person = calls.get(f"/users/{user_id}").data
    calls.post("/auth/password/forgot", {"email": person["email"]})
    return done(translate("The link to choose a new password is on its way."), "people.show", user_id=user_id)


@area.act("/<uuid:user_id>/erase", role=ADMIN)
def act_erase(user_id: UUID) -> Response:
    """Erase all personal data of a user. The address must be typed, because this cannot be undone."""
    person = calls.get(f"/users/{user_id}").data
    if request.form.get("typed", "").strip() != person["email"]:
        return redirect(url_for("people.show", user_id=user_id), 303)
    calls.post(f"/users/{user_id}/erase", {})
    return done(translate("The personal data is being erased in all services."), "people.list")


def _support(user_id: UUID, path: str, text: str) -> Response:
    """Delete something of a user for the reason that was typed, which the audit trail keeps."""
    reason = _reason()
    if not reason:
        return redirect(url_for("people.show", user_id=user_id), 303)
    try:
        calls.delete(path, reason=reason)
    except ApiProblem as problem:
        if problem.status not in (404, 409, 422):
            raise
        flash(problem.detail, "bad")  # such as: the user has no second factor
        return redirect(url_for("people.show", user_id=user_id), 303)
    return done(text, "people.show", user_id=user_id)


def _reason() -> str:
    """The reason that was typed. If there is none, the next page says that it is needed."""
    reason = request.form.get("reason", "").strip()
    if not reason:
        flash(translate("Enter the reason. The audit trail keeps it."), "bad")
    return reason


def _export_name(user_id: UUID) -> str:
    """The name of the file of an export: the date in UTC and the end of the user's ID, which pages show too."""
    return f"heidi-export-{utcnow():%Y-%m-%d}-{str(user_id)[-8:]}.json"


def _details(user: dict[str, Any]) -> dict[str, Any]:
    user_id = user["id"]
    details = parts(
        preferences=read("/notifications/preferences", userId=user_id),
        suppressions=read("/notifications/suppressions", address=user["email"]),
        sessions=read("/auth/sessions", userId=user_id),
        messages=read("/notifications", userId=user_id, limit=10),
        integrations=read("/integrations", userId=user_id, limit=10),
        audit=read("/auth/audit", target=user_id, limit=10),
    )
    preferences = details.pop("preferences") or {"preferences": [], "quietHours": None}
    muted = [f"{each['category']} ({term(each['channel'])})" for each in preferences["preferences"]]
    ids = {entry["actor"] for entry in details["audit"] or [] if is_id(entry["actor"])}
    actors = names_of(ids)
    if ids - actors.keys():
        actors |= {key: translate("client %(name)s", name=name) for key, name in client_names().items()}
    return details | {"muted": muted, "quiet_hours": _quiet_hours(preferences["quietHours"]), "actors": actors}


def _quiet_hours(hours: dict[str, Any] | None) -> str:
    return f"{hours['start']} – {hours['end']} {hours['timezone'] or ''}".strip() if hours else ""


def _invite(form: InvitationForm) -> dict[str, Any]:
    body = optional(form.values("email", "first_name", "last_name", "role"))
    # The password is never used: the invitation lets the user choose one.
    password = {"password": secrets.token_urlsafe(24)}
    created: dict[str, Any] = calls.post("/users", body | password, key=form.request_key.data).data
    calls.post("/auth/password/invite", {"userId": created["id"]})
    return created


def _fields(user: dict[str, Any]) -> dict[str, Any]:
    names = {"first_name": "firstName", "last_name": "lastName"}
    return {name: user.get(names.get(name, name)) for name in (*ACCOUNT, "role", "email")}


def _name(user: dict[str, Any]) -> str:
    return " ".join(filter(None, (user["firstName"], user["lastName"]))) or str(user["email"])
