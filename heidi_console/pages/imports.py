"""Imports of people and of places: the list, one import with its progress and the result of each line, a new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.access import ADMIN, MODERATOR
from heidi_console.components.paging import filters, page_of
from heidi_console.forms.imports import ImportForm, UserImportForm
from heidi_console.pages.area import Area
from heidi_console.pages.responses import done, names_of
from heidi_console.translations import lazy, translate


@dataclass(frozen=True)
class Kind:
    """What is imported.

    Attributes:
        parent: The name of the area that it belongs to.
        label: The label of that area.
        title: The heading of the new import.
        path: The path of the imports in the API.
        columns: The columns that a file may have; those before the bar are required.
        example: A file.
        target: The endpoint of what a line has created, and the value of its URL.
    """

    parent: str
    label: str
    title: str
    path: str
    columns: tuple[str, str]
    example: str
    target: tuple[str, str]


USERS = Kind(
    parent="people",
    label=lazy("People"),
    title=lazy("Import people"),
    path="/users/imports",
    columns=(
        "email",
        "firstName, lastName, role, phone, locale, timezone, isActive, emailVerified, createdAt, password,"
        " passwordHash, passwordSalt",
    ),
    example="email,firstName,lastName,role\nada@example.org,Ada,Lovelace,USER",
    target=("people.show", "user_id"),
)
CITIES = Kind(
    parent="places",
    label=lazy("Places"),
    title=lazy("Import places"),
    path="/cities/imports",
    columns=("name, country, latitude, longitude", "id, state, population, timezone, kind, otherNames"),
    example="name,country,latitude,longitude,population\nUster,CH,47.3471,8.7209,35000",
    target=("places.show", "city_id"),
)
user_imports = Area("user_imports", role=ADMIN, prefix="/people/imports")
place_imports = Area("place_imports", role=MODERATOR, prefix="/places/imports")


def _imported_users(kind: Kind, lines: list[dict[str, Any]]) -> list[str]:
    """The IDs of the users that lines have created."""
    return [line["targetId"] for line in lines if line["targetId"]] if kind is USERS else []


def _start(kind: Kind, form: ImportForm) -> dict[str, Any] | None:
    """Start the import: its row. None if there is no file; the form then says so."""
    content = form.content()
    if content is None:
        return None
    row: dict[str, Any] = calls.upload(kind.path, content, "text/plain", key=form.request_key.data, **form.query()).data
    return row


def _add_pages(area: Area, kind: Kind, form_class: type[ImportForm]) -> None:
    """Add the pages of the imports of a kind to its area."""

    @area.list()
    def list_() -> str:
        """The imports of the last 30 days."""
        response = calls.get(kind.path, **page_of())
        people = names_of(each["requestedBy"] for each in response.data)
        return render_template(
            "imports/list.html", imports=response.data, meta=response.meta, kind=kind, area=area.name, people=people
        )

    @area.show("/<uuid:import_id>")
    def show(import_id: UUID) -> str:
        """One import with its progress, and the results of its lines."""
        row = calls.get(f"{kind.path}/{import_id}").data
        chosen = filters("outcome")
        lines = calls.get(f"{kind.path}/{import_id}/lines", **page_of(**chosen))
        return render_template(
            "imports/show.html",
            row=row,
            lines=lines.data,
            meta=lines.meta,
            filters=chosen,
            kind=kind,
            area=area.name,
            is_open=row["status"] in ("PENDING", "RUNNING"),
            people=names_of([row["requestedBy"], *_imported_users(kind, lines.data)]),
        )

    @area.form("/new")
    def form_new() -> str | Response:
        """Choose a file and start its import."""
        form = form_class()
        if started := form.submit(lambda: _start(kind, form)):
            return redirect(url_for(f"{area.name}.show", import_id=started["id"]), 303)
        return render_template("imports/form.html", form=form, kind=kind, area=area.name)

    @area.act("/<uuid:import_id>/cancel")
    def act_cancel(import_id: UUID) -> Response:
        """Cancel an import. What it has imported stays."""
        calls.post(f"{kind.path}/{import_id}/cancel", key=request.form.get("request_key"))
        return done(translate("The import is cancelled."), f"{area.name}.show", import_id=import_id)


_add_pages(user_imports, USERS, UserImportForm)
_add_pages(place_imports, CITIES, ImportForm)
