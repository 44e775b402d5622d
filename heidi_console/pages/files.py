"""Files: list, upload in slices, preview, links, deletion."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

from flask import jsonify, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms import IntegerField, SelectField
from wtforms.validators import InputRequired, NumberRange, Optional

from heidi_console import calls
from heidi_console.access import USER
from heidi_console.api.problems import ApiProblem
from heidi_console.api.transport import ApiCall
from heidi_console.components.paging import filters, page_of
from heidi_console.forms.base import ConsoleForm, explain
from heidi_console.forms.list_filters import InvalidFilter, api_filters
from heidi_console.pages.area import Area
from heidi_console.pages.downloads import download
from heidi_console.pages.images import image
from heidi_console.pages.responses import done, names_of
from heidi_console.session import signed_in
from heidi_console.translations import lazy, translate
from heidi_console.translations.terms import choices

area = Area("files", lazy("Files"), role=USER, group=lazy("Communication"))
SLICE_BYTES = 512 * 1024
"""How much one request of an upload contains: less than the limit of the router for bodies."""
IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
DAYS = 86_400


class LinkForm(ConsoleForm):
    """A link for people without an account."""

    days = IntegerField(lazy("Valid for (days)"), [InputRequired(), NumberRange(1, 365)], default=7)
    downloads = IntegerField(
        lazy("Downloads"),
        [Optional(), NumberRange(1, 1_000_000)],
        description=lazy("Leave it empty to permit any number."),
    )


class VisibilityForm(ConsoleForm):
    """Who may download a file."""

    visibility = SelectField(lazy("Visibility"), choices=choices("PRIVATE", "LINK", "PUBLIC"))


@area.list()
def list_() -> str:
    """The user's files, newest first; for an administrator those of all users."""
    chosen = filters("status", "visibility", "userId")
    shared = {"filters": chosen, "usage": calls.get("/files/usage").data, "slice_bytes": SLICE_BYTES}
    try:
        response = calls.get("/files", **page_of(**api_filters(chosen, users=("userId",))))
    except InvalidFilter as error:
        return render_template("files/list.html", files=[], meta={}, people={}, error=str(error), **shared)
    people = names_of(file["userId"] for file in response.data)
    return render_template("files/list.html", files=response.data, meta=response.meta, people=people, **shared)


@area.act("/upload")
def act_upload() -> Response:
    """Upload a small file by a form, as browsers without JavaScript do."""
    part = request.files.get("file")
    if part is None or not part.filename:
        return done(translate("Choose a file first."), "files.list")
    headers = {"Content-Type": part.mimetype or "application/octet-stream"}
    upload = ApiCall("POST", "/files", params={"name": part.filename}, content=part.stream.read(), headers=headers)
    return done(translate("The file was uploaded."), "files.show", file_id=calls.call(upload).data["id"])


@area.act("/uploads")
def act_begin() -> Response | tuple[Response, int]:
    """Begin an upload in slices. Its ID becomes that of the file."""
    values = {"filename": request.form.get("name", ""), "filetype": request.form.get("type", "")}
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items() if value)
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": request.form.get("bytes", ""), "Upload-Metadata": metadata}
    try:
        params = {"userId": request.args.get("userId")}
        created = calls.call(ApiCall("POST", "/files/uploads", params=params, headers=headers))
    except ApiProblem as problem:
        return _problem(problem)
    upload_id = created.headers["Location"].rpartition("/")[2]
    return jsonify(
        id=upload_id,
        url=url_for("files.act_append", upload_id=upload_id),
        page=url_for("files.show", file_id=upload_id),
    )


@area.act("/uploads/<uuid:upload_id>")
def act_append(upload_id: UUID) -> Response | tuple[Response, int]:
    """Append a slice at the offset in the query; returns where the next one begins."""
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": request.args.get("offset", ""),
        "Content-Type": "application/offset+octet-stream",
    }
    call = ApiCall("PATCH", f"/files/uploads/{upload_id}", content=request.get_data(), headers=headers)
    try:
        return jsonify(offset=int(calls.call(call).headers["Upload-Offset"]))
    except ApiProblem as problem:
        return _problem(problem)


@area.show("/<uuid:file_id>")
def show(file_id: UUID) -> str:
    """One file with a preview and its links."""
    return _page(file_id)


@area.show("/<uuid:file_id>/preview")
def show_preview(file_id: UUID) -> Response:
    """A rendition of an image."""
    return image(f"/files/{file_id}/content", size=512)


@area.show("/<uuid:file_id>/content")
def show_content(file_id: UUID) -> Response:
    """The content, to be saved."""
    return download(file_id)


@area.form("/<uuid:file_id>/links/new")
def form_link(file_id: UUID) -> str | Response:
    """Create a link; its URL is shown once."""
    form = LinkForm()
    if not form.validate_on_submit():
        return _page(file_id, form)
    body = {"expiresIn": form.days.data * DAYS, "downloads": form.downloads.data}
    try:
        return _page(file_id, url=calls.post(f"/files/{file_id}/links", body).data["url"])
    except ApiProblem as problem:
        form.show_problem(problem, {"expiresIn": "days"})
        return _page(file_id, form)


@area.act("/<uuid:file_id>/links/<uuid:link_id>/delete")
def act_revoke(file_id: UUID, link_id: UUID) -> Response:
    """Revoke a link."""
    calls.delete(f"/files/{file_id}/links/{link_id}")
    return done(translate("The link no longer works."), "files.show", file_id=file_id)


@area.act("/<uuid:file_id>/visibility")
def act_visibility(file_id: UUID) -> Response:
    """Change who may download the file."""
    calls.patch(f"/files/{file_id}", {"visibility": request.form.get("visibility", "")})
    return done(translate("The visibility was changed."), "files.show", file_id=file_id)


@area.act("/<uuid:file_id>/delete")
def act_delete(file_id: UUID) -> Response:
    """Delete a file."""
    calls.delete(f"/files/{file_id}")
    return done(translate("The file was deleted."), "files.list")


def _page(file_id: UUID, form: LinkForm | None = None, *, url: str = "") -> str:
    file = calls.get(f"/files/{file_id}").data
    return render_template(
        "files/show.html",
        file=file,
        owner=names_of([file["userId"]]).get(file["userId"], ""),
        links=_links(file_id),
        form=form or LinkForm(formdata=None),
        visibility=VisibilityForm(formdata=None, visibility=file["visibility"]),
        is_image=file["contentType"] in IMAGES and file["width"] is not None and file["status"] == "READY",
        is_own=file["userId"] == signed_in.user_id(),
        url=url,
    )


def _links(file_id: UUID) -> Any:
    """None for those who may see, but not share a public file of another user."""
    try:
        return calls.get(f"/files/{file_id}/links", limit=100).data
    except ApiProblem as problem:
        if problem.status != 404:
            raise
        return None


def _problem(problem: ApiProblem) -> tuple[Response, int]:
    """What the script shows beside the file."""
    return jsonify(detail=explain(problem)), problem.status
