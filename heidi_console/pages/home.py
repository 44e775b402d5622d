"""Home: the state of the platform at one look, and what needs attention."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.access import ADMIN, MODERATOR, USER, allows
from heidi_console.api.problems import ApiProblem
from heidi_console.components.attention import needs_attention, tiles
from heidi_console.pages.area import Area
from heidi_console.translations import lazy

area = Area("home", lazy("Home"), role=USER, prefix="")


@area.list("/")
def list_() -> str | Response:
    """The status of services and servers, counts, and what needs attention."""
    if not allows(ADMIN):
        return redirect(url_for("messages.form_new" if allows(MODERATOR) else "home.show_inbox"), 303)
    overview = _read("/core/overview") or {}
    return render_template(
        "home/list.html", status=_read("/core/status"), tiles=tiles(overview), attention=needs_attention(overview)
    )


@area.show("/inbox")
def show_inbox() -> str:
    """The in-app messages of the signed-in user."""
    return render_template("home/show_inbox.html", messages=calls.get("/notifications", channel="IN_APP").data)


def _read(path: str) -> dict[str, Any] | None:
    """A part of the page; None if it is unavailable, so that the rest is shown."""
    try:
        data: dict[str, Any] = calls.get(path).data
    except ApiProblem:
        return None
    return data
