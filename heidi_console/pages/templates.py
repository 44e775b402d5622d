"""Templates: the list, versions with differences, editing with a preview."""

from __future__ import annotations

from difflib import unified_diff
from itertools import pairwise
from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.access import ADMIN
from heidi_console.api.problems import ApiProblem
from heidi_console.components.paging import filters, page_of
from heidi_console.forms.template import NewTemplateForm, TemplateForm
from heidi_console.pages.area import Area
from heidi_console.pages.responses import done, is_id
from heidi_console.session import html_frames
from heidi_console.translations import lazy, translate

area = Area("templates", lazy("Templates"), role=ADMIN, group=lazy("Communication"))
BASE = "/notifications/templates"
TEXTS = ("subject", "body", "html")
COPIED = ("name", "channel", "category", *TEXTS)


@area.list()
def list_() -> str:
    """The templates by name."""
    chosen = filters("name", "channel", "locale")
    response = calls.get(BASE, **page_of(**chosen))
    return render_template("templates/list.html", templates=response.data, meta=response.meta, filters=chosen)


@area.show("/<uuid:template_id>")
def show(template_id: UUID) -> str:
    """One template with its versions and their differences."""
    versions = calls.get(f"{BASE}/{template_id}/versions", limit=20).data
    return render_template(
        "templates/show.html", template=calls.get(f"{BASE}/{template_id}").data, changes=_changes(versions)
    )


@area.form("/new")
def form_new() -> str | Response:
    """Create a template; `?copy=ID` begins with the text of another one, to translate it."""
    copied = calls.get(f"{BASE}/{request.args['copy']}").data if is_id(request.args.get("copy")) else {}
    chosen = {"locale": ""} if copied else {}
    form = NewTemplateForm(**{name: copied[name] for name in COPIED if name in copied}, **chosen)
    if created := form.submit(lambda: calls.post(BASE, form.new(), key=form.request_key.data)):
        return done(translate("The template is saved."), "templates.form_edit", template_id=created.data["id"])
    return render_template("templates/form_new.html", form=form, copied=copied)


@area.form("/<uuid:template_id>/edit")
def form_edit(template_id: UUID) -> str | Response:
    """Change the text of a template. The previous one remains as a version."""
    response = calls.get(f"{BASE}/{template_id}")
    form = TemplateForm(etag=response.etag, **{name: response.data[name] for name in (*TEXTS, "category")})
    if "preview" in request.form:
        preview = _preview(template_id, form)
        return render_template("templates/form_edit.html", form=form, template=response.data, preview=preview)
    if form.submit(lambda: calls.patch(f"{BASE}/{template_id}", form.text(), etag=form.etag.data)):
        return done(translate("The template is saved."), "templates.form_edit", template_id=template_id)
    return render_template("templates/form_edit.html", form=form, template=response.data)


@area.act("/<uuid:template_id>/preview")
def act_preview(template_id: UUID) -> str:
    """What the text in the editor becomes with variables: a part of the editor, updated while typing."""
    return render_template("templates/preview.html", **_preview(template_id, TemplateForm()))


@area.act("/<uuid:template_id>/test")
def act_test(template_id: UUID) -> Response:
    """Send the saved text of a template to the signed-in user."""
    form = TemplateForm()
    try:
        body = {"variables": form.variables.value or {}}
        message = calls.post(f"{BASE}/{template_id}/test", body, key=form.request_key.data).data
    except ApiProblem as problem:
        details = [error.detail for error in problem.errors] or [problem.detail]
        flash(" ".join(details), "bad")
        return redirect(url_for("templates.form_edit", template_id=template_id), 303)
    return done(translate("The test is on its way to you."), "messages.show", message_id=message["id"])


@area.act("/<uuid:template_id>/delete")
def act_delete(template_id: UUID) -> Response:
    """Delete a template with its versions."""
    calls.delete(f"{BASE}/{template_id}")
    return done(translate("The template is deleted."), "templates.list")


def _preview(template_id: UUID, form: TemplateForm) -> dict[str, Any]:
    """The values of `templates/preview.html`."""
    texts = {name: text for name, text in form.text().items() if name in TEXTS and (text or name != "body")}
    try:
        preview = calls.post(f"{BASE}/{template_id}/preview", {"variables": form.variables.value, **texts}).data
    except ApiProblem as problem:
        named = [f"{form[error.name].label.text}: " if error.name in TEXTS else "" for error in problem.errors]
        details = [name + error.detail for name, error in zip(named, problem.errors, strict=True)] or [problem.detail]
        return {"errors": details}
    return {"preview": preview, "frame": html_frames.keep(preview["html"])}


def _changes(versions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The versions, latest first, each with its difference to the one before."""
    pairs = pairwise([*versions, {}])
    return [{"version": later, "lines": _difference(earlier, later)} for later, earlier in pairs]


def _difference(earlier: dict[str, Any], later: dict[str, Any]) -> list[str]:
    if not earlier:
        return []
    before, after = ([line for name in TEXTS for line in (text[name] or "").splitlines()] for text in (earlier, later))
    return list(unified_diff(before, after, lineterm="", n=2))[2:]
