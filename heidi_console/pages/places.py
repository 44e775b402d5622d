"""Places: the map of all cities, search, nearest cities; create, change, move, deactivate."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response as FlaskResponse
from flask import render_template, request
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.access import MODERATOR
from heidi_console.api.problems import ApiProblem
from heidi_console.components.map_points import pack
from heidi_console.components.paging import filters, page_of
from heidi_console.forms.place import FIELDS, PlaceForm
from heidi_console.pages.area import Area
from heidi_console.pages.responses import done, part
from heidi_console.translations import current_locale, lazy, translate

area = Area("places", lazy("Places"), role=MODERATOR, group=lazy("Directory"))
NEAREST: dict[str, Any] = {"radiusKm": 20038, "limit": 10}
"""Of a point: ten cities, however far away."""
LISTED = 20
"""Cities beside the map."""


@area.list()
def list_() -> str:
    """The map, and beside it the cities that match a search, that are nearest to a point, or the most populous ones."""
    chosen = filters("q", "latitude", "longitude", "isActive")
    error = ""
    try:
        title, response = _cities(chosen)
        cities, meta = response.data, response.meta
    except ApiProblem as problem:
        if problem.status != 422:
            raise
        title, cities, meta, error = translate("Places"), [], {}, problem.detail
    return render_template("places/list.html", title=title, cities=cities, meta=meta, filters=chosen, error=error)


@area.show("/points")
def show_points() -> Response:
    """The points of the map. Browsers keep them and ask each time whether they have changed."""
    response = calls.get("/cities/points", if_none_match=request.headers.get("If-None-Match"))
    status, body = (304, b"") if response.status == 304 else (200, pack(response.data))
    headers = {"ETag": response.etag or "", "Cache-Control": "private, no-cache"}
    return FlaskResponse(body, status, headers, mimetype="application/octet-stream")


@area.show("/<uuid:city_id>")
def show(city_id: UUID) -> str:
    """One city on the map, with the nearest ones."""
    city = calls.get(f"/cities/{city_id}", lang=current_locale()).data
    nearest = part(f"/cities/{city_id}/nearby", lang=current_locale(), **NEAREST)
    return render_template("places/show.html", city=city, nearest=nearest)


@area.form("/new")
def form_new() -> str | Response:
    """Create a city."""
    form = PlaceForm(**filters("latitude", "longitude"))
    if created := form.submit(lambda: calls.post("/cities", form.body(), key=form.request_key.data)):
        return done(translate("The place is created."), "places.show", city_id=created.data["id"])
    return render_template("places/form.html", form=form, city=None)


@area.form("/<uuid:city_id>/edit")
def form_edit(city_id: UUID) -> str | Response:
    """Change or move a city."""
    response = calls.get(f"/cities/{city_id}")
    form = PlaceForm(etag=response.etag, **{name: response.data[name] for name in FIELDS})
    if form.submit(lambda: calls.patch(f"/cities/{city_id}", form.body(), etag=form.etag.data)):
        return done(translate("The place is changed."), "places.show", city_id=city_id)
    return render_template("places/form.html", form=form, city=response.data)


@area.act("/<uuid:city_id>/active")
def act_active(city_id: UUID) -> Response:
    """Deactivate or activate a city. Lists and searches leave out those that are not active."""
    if request.form.get("active") == "yes":
        calls.patch(f"/cities/{city_id}", {"isActive": True})
        return done(translate("The place is active."), "places.show", city_id=city_id)
    calls.delete(f"/cities/{city_id}")
    return done(translate("The place is deactivated."), "places.show", city_id=city_id)


def _cities(chosen: dict[str, str]) -> tuple[str, Any]:
    """The heading and the cities for the filters of the page."""
    language = current_locale()
    if "q" in chosen:
        title = translate("Results for “%(q)s”", q=chosen["q"])
        return title, calls.get("/cities/search", q=chosen["q"], limit=30, lang=language)
    if "latitude" in chosen and "longitude" in chosen:
        point = {"latitude": chosen["latitude"], "longitude": chosen["longitude"]}
        return translate("Nearest places"), calls.get("/cities/nearby", lang=language, **point, **NEAREST)
    inactive = chosen.get("isActive") == "false"
    title = translate("Inactive places") if inactive else translate("Largest places")
    return title, calls.get(
        "/cities", lang=language, sort="-population", **page_of(limit=LISTED, isActive=not inactive)
    )
