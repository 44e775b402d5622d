"""The inbox of the signed-in user: its page, and what `<heidi-inbox>` in the frame of all pages reads.

The component expects the paths and responses of the REST API. The token stays on the server: the component has none.
"""

from __future__ import annotations

from uuid import UUID

from flask import Response as FlaskResponse
from flask import jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from heidi_common.sdk import inbox_response
from heidi_console import calls
from heidi_console.access import PUBLIC, USER
from heidi_console.components.paging import page_of
from heidi_console.pages.area import Area
from heidi_console.pages.responses import done
from heidi_console.translations import translate

area = Area("inbox", role=USER)
API = "/api/notifications"
PAGE_PARAMETERS = ("channel", "limit", "cursor")


@area.list("")
def list_() -> str:
    """The in-app messages of the signed-in user."""
    response = calls.get("/notifications", **page_of(channel="IN_APP"))
    return render_template("inbox/list.html", messages=response.data, meta=response.meta)


@area.show("/component.js", role=PUBLIC)
def show_component() -> FlaskResponse:
    """The file that the platform serves at `/sdk/inbox.js`."""
    return inbox_response()


@area.act("/<uuid:message_id>/read")
def act_read(message_id: UUID) -> Response:
    """Mark one of the own messages as read."""
    calls.post(f"/notifications/{message_id}/read")
    return redirect(url_for("inbox.list"), 303)


@area.act("/read-all")
def act_read_all() -> Response:
    """Mark all own messages as read."""
    calls.post("/notifications/read-all")
    return done(translate("All messages are marked as read."), "inbox.list")


@area.show(API)
def show_messages() -> FlaskResponse:
    """A page of messages, for the component."""
    query = {name: request.args.get(name) for name in PAGE_PARAMETERS}
    response = calls.get("/notifications", **query)
    return jsonify(data=response.data, meta=response.meta)


@area.show(f"{API}/unread-count")
def show_unread() -> FlaskResponse:
    """The number of unread messages, for the component."""
    return jsonify(data=calls.get("/notifications/unread-count").data)


@area.act(f"{API}/<uuid:message_id>/read")
def act_read_in_component(message_id: UUID) -> tuple[str, int]:
    """Mark one of the own messages as read, for the component."""
    calls.post(f"/notifications/{message_id}/read")
    return "", 204


@area.act(f"{API}/read-all")
def act_read_all_in_component() -> tuple[str, int]:
    """Mark all own messages as read, for the component."""
    calls.post("/notifications/read-all")
    return "", 204
