"""`Area`: a part of the console with its label in the navigation and its pages.

Every module of an area uses the same four verbs: list, show, form, act.

    area = Area("messages", lazy("Messages"), role=MODERATOR)

    @area.list(role=ADMIN)                              GET   /console/messages/
    @area.show("/<uuid:message_id>", role=ADMIN)        GET   /console/messages/ID
    @area.form("/new")                                  GET, POST   /console/messages/new
    @area.act("/<uuid:message_id>/retry", role=ADMIN)   POST  /console/messages/ID/retry
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint

from heidi_console.access import View, requires

PREFIX = "/console"
AREAS = "heidi_console_areas"
"""The key of the areas in the extensions of the app."""


class Area:
    """An area of the console.

    Args:
        name: Its name in URLs, endpoints and template folders.
        label: Its label in the navigation; empty if the navigation does not show it.
        role: The lowest role that may use it. A page can require a higher one.
        starts: The views that the navigation may link to. It links to the first one that the user may open.
        group: The heading in the navigation under which it stands.
        prefix: The URL prefix, if it is not the name.
    """

    def __init__(
        self,
        name: str,
        label: str = "",
        *,
        role: str,
        starts: tuple[str, ...] = ("list",),
        group: str = "",
        prefix: str | None = None,
    ) -> None:
        self.name, self.label, self.role, self.starts, self.group = name, label, role, starts, group
        self.blueprint = Blueprint(name, __name__, url_prefix=PREFIX + (f"/{name}" if prefix is None else prefix))

    def list(self, rule: str = "/", *, role: str | None = None) -> Callable[[View], View]:
        """A page that lists things."""
        return self._route(rule, ["GET"], role)

    def show(self, rule: str, *, role: str | None = None) -> Callable[[View], View]:
        """A page that shows one thing."""
        return self._route(rule, ["GET"], role)

    def form(self, rule: str, *, role: str | None = None) -> Callable[[View], View]:
        """A page with a form, which it also receives."""
        return self._route(rule, ["GET", "POST"], role)

    def act(self, rule: str, *, role: str | None = None) -> Callable[[View], View]:
        """An action, requested by a button."""
        return self._route(rule, ["POST"], role)

    def _route(self, rule: str, methods: Any, role: str | None) -> Callable[[View], View]:
        def register(view: View) -> View:
            self.blueprint.add_url_rule(
                rule, endpoint=view.__name__.rstrip("_"), view_func=requires(role or self.role)(view), methods=methods
            )
            return view

        return register
