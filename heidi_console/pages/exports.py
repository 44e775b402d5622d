"""Exports as files: of all users, and of the user's own data; the list with its form, one export with its progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

from heidi_console import calls
from heidi_console.access import ADMIN, USER
from heidi_console.api.problems import ApiProblem
from heidi_console.components.paging import page_of
from heidi_console.forms.base import ConsoleForm
from heidi_console.pages.area import Area
from heidi_console.pages.responses import done, names_of
from heidi_console.translations import lazy, translate


@dataclass(frozen=True)
class Exported:
    """What is exported.

    Attributes:
        parent: The name of the area that it belongs to.
        label: The label of that area.
        title: The heading of the list.
        about: What the file contains.
        path: The path of the exports in the API.
    """

    parent: str
    label: str
    title: str
    about: str
    path: str


USERS = Exported(
    parent="people",
    label=lazy("People"),
    title=lazy("Export people"),
    about=lazy("All accounts that are not deleted, without passwords, in the form that the import reads."),
    path="/users/exports",
)
OWN_DATA = Exported(
    parent="account",
    label=lazy("Account"),
    title=lazy("Your data"),
    about=lazy("Everything that the platform stores about you, as a JSON file."),
    path="/users/me/exports",
)
user_exports = Area("user_exports", role=ADMIN, prefix="/people/exports")
own_exports = Area("own_exports", role=USER, prefix="/account/exports")


class ExportForm(ConsoleForm):
    """An export without options."""

    def body(self) -> dict[str, Any] | None:
        """The body of the request."""
        return None


class UserExportForm(ExportForm):
    """The format of the file."""

    format = SelectField(lazy("Format"), choices=[SelectChoice("csv", "CSV"), SelectChoice("ndjson", "NDJSON")])

    def body(self) -> dict[str, Any] | None:
        return {"format": self.format.data}


def _add_pages(area: Area, exported: Exported, form_class: Callable[[], ExportForm]) -> None:
    """Add the pages of the exports of a kind to its area."""

    @area.form("/")
    def list_() -> str | Response:
        """The exports that have not expired, and the form that requests one."""
        form = form_class()
        if form.validate_on_submit():
            try:
                row = calls.post(exported.path, form.body(), key=form.request_key.data).data
                return redirect(url_for(f"{area.name}.show", export_id=row["id"]), 303)
            except ApiProblem as problem:
                form.show_problem(problem)
        response = calls.get(exported.path, **page_of())
        return render_template(
            "exports/list.html",
            exports=response.data,
            meta=response.meta,
            form=form,
            exported=exported,
            area=area.name,
            people=names_of(each["requestedBy"] for each in response.data) if exported is USERS else {},
        )

    @area.show("/<uuid:export_id>")
    def show(export_id: UUID) -> str:
        """One export with its progress."""
        row = calls.get(f"{exported.path}/{export_id}").data
        is_open = row["status"] in ("PENDING", "RUNNING")
        return render_template("exports/show.html", row=row, exported=exported, area=area.name, is_open=is_open)

    @area.act("/<uuid:export_id>/cancel")
    def act_cancel(export_id: UUID) -> Response:
        """Cancel an export."""
        calls.post(f"{exported.path}/{export_id}/cancel", key=request.form.get("request_key"))
        return done(translate("The export is cancelled."), f"{area.name}.show", export_id=export_id)


_add_pages(user_exports, USERS, UserExportForm)
_add_pages(own_exports, OWN_DATA, ExportForm)
