"""Events: the log with a live tail, dead letters, and replays of past events."""

from __future__ import annotations

from uuid import UUID

from flask import render_template, request
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.access import ADMIN
from heidi_console.components.paging import filters, page_of
from heidi_console.forms.replay import REPLAY_NAMES, ReplayForm, endpoint_choices, subscriber_choices
from heidi_console.pages.area import Area
from heidi_console.pages.responses import done, part
from heidi_console.translations import lazy, translate, translate_count

REPLAYS = "/core/events/replays"
MAX_AT_ONCE = 500
"""Dead letters that one click replays or discards; the page then shows the others."""
area = Area("events", lazy("Events"), role=ADMIN, group=lazy("Automation"))


@area.list()
def list_() -> str:
    """The events of all services, latest first."""
    chosen = filters("type", "subject")
    response = calls.get("/core/events", **page_of(sort="-position", **chosen))
    return render_template("events/list.html", events=response.data, meta=response.meta, filters=chosen)


@area.list("/dead")
def list_dead() -> str:
    """Events that a subscriber failed to handle too often."""
    response = calls.get("/core/events/dead", **page_of())
    return render_template("events/list_dead.html", letters=response.data, meta=response.meta)


@area.list("/replays")
def list_replays() -> str:
    """The replays of past events, newest first."""
    chosen = filters("status")
    response = calls.get(REPLAYS, **page_of(**chosen))
    return render_template(
        "events/list_replays.html",
        replays=response.data,
        meta=response.meta,
        filters=chosen,
        names={each["id"]: each["name"] for each in part("/integrations", limit=100) or []},
    )


@area.show("/replays/<uuid:replay_id>")
def show_replay(replay_id: UUID) -> str:
    """One replay with its progress."""
    replay = calls.get(f"{REPLAYS}/{replay_id}").data
    endpoint = part(f"/integrations/{replay['integrationId']}") if replay["integrationId"] else None
    return render_template("events/show_replay.html", replay=replay, endpoint=endpoint)


@area.form("/replays/new")
def form_replay() -> str | Response:
    """Replay past events to a subscriber or an endpoint."""
    form = ReplayForm()
    form.subscriber.choices = subscriber_choices(calls.get("/core/subscribers").data)
    form.integration_id.choices = endpoint_choices(part("/integrations", isActive=True, limit=100) or [])
    if started := form.submit(lambda: calls.post(REPLAYS, form.body(), key=form.request_key.data), REPLAY_NAMES):
        return done(translate("The replay has started."), "events.show_replay", replay_id=started.data["id"])
    types = [each["type"] for each in part("/core/event-types") or []]
    return render_template("events/form_replay.html", form=form, types=types)


@area.act("/replays/<uuid:replay_id>/cancel")
def act_cancel_replay(replay_id: UUID) -> Response:
    """Cancel a replay."""
    calls.post(f"{REPLAYS}/{replay_id}/cancel")
    return done(translate("The replay is being cancelled."), "events.show_replay", replay_id=replay_id)


@area.act("/dead/<uuid:event_id>/replay")
def act_replay(event_id: UUID) -> Response:
    """Let the subscribers of a dead letter handle it again."""
    calls.post(f"/core/events/dead/{event_id}/replay")
    return done(translate("The event is being handled again."), "events.list_dead")


@area.act("/dead/<uuid:event_id>/discard")
def act_discard(event_id: UUID) -> Response:
    """Give up a dead letter."""
    calls.post(f"/core/events/dead/{event_id}/discard")
    return done(translate("The dead letter is discarded."), "events.list_dead")


@area.act("/dead/all")
def act_all() -> Response:
    """Replay or discard all dead letters of one event type."""
    action = "discard" if request.form.get("action") == "discard" else "replay"
    chosen = _dead_letters(request.form.get("type", ""))
    for event_id in chosen:
        calls.post(f"/core/events/dead/{event_id}/{action}")
    text = translate_count("%(num)s dead letter is done.", "%(num)s dead letters are done.", len(chosen))
    return done(text, "events.list_dead")


def _dead_letters(event_type: str) -> list[str]:
    """The IDs of the dead letters of a type, those on later pages too."""
    chosen: list[str] = []
    cursor = None
    while len(chosen) < MAX_AT_ONCE:
        response = calls.get("/core/events/dead", limit=100, cursor=cursor)
        chosen += [letter["id"] for letter in response.data if letter["event"]["type"] == event_type]
        cursor = response.meta.get("nextCursor")
        if not response.meta.get("hasMore"):
            break
    return chosen[:MAX_AT_ONCE]
