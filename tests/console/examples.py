"""Every page of the console with an example of what it shows. The tests of all pages and the screenshots use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Prepare = Callable[[Any, Any], str]
"""Creates what the page shows, as the administrator and with the fixture `post`; returns the path of the page."""


@dataclass(frozen=True)
class Example:
    """A page.

    Args:
        name: The name of the endpoint.
        prepare: Creates the example.
        signed_in: Whether the page is for signed-in users.
    """

    name: str
    prepare: Prepare
    signed_in: bool = True


def at(path: str) -> Prepare:
    """A page that needs no preparation."""
    return lambda _admin, _post: path


def message(admin: Any, post: Any) -> str:
    """A message with markup in its text."""
    return f"/console/messages/{post(admin, subject='<script>alert(1)</script>', content='Hello <b>you</b>')}"


def message_list(admin: Any, post: Any) -> str:
    """A list with one message."""
    message(admin, post)
    return "/console/messages/"


def person(admin: Any, _post: Any) -> str:
    """The administrator's own account."""
    return f"/console/people/{admin.user.id}"


def person_edit(admin: Any, post: Any) -> str:
    """The form of an account."""
    return f"{person(admin, post)}/edit"


PAGES = [
    Example("sign_in.form", at("/console/sign-in"), signed_in=False),
    Example("home.list", at("/console/")),
    Example("home.show_inbox", at("/console/inbox")),
    Example("messages.list", message_list),
    Example("messages.show", message),
    Example("messages.form_new", at("/console/messages/new")),
    Example("people.list", at("/console/people/")),
    Example("people.show", person),
    Example("people.form_new", at("/console/people/new")),
    Example("people.form_edit", person_edit),
    Example("schedules.list", at("/console/schedules/")),
    Example("schedules.form_action", at("/console/schedules/new")),
    Example("schedules.form_new", at("/console/schedules/new?action=notification.send")),
    Example("webhooks.list", at("/console/webhooks/")),
    Example("webhooks.form_new", at("/console/webhooks/new")),
    Example("events.list", at("/console/events/")),
    Example("events.list_dead", at("/console/events/dead")),
    Example("operations.list", at("/console/operations/")),
    Example("operations.form_new", at("/console/operations/new")),
    Example("audit.list", at("/console/audit/")),
    Example("clients.list", at("/console/clients/")),
    Example("templates.list", at("/console/templates/")),
    Example("templates.form_new", at("/console/templates/new")),
    Example("account.list", at("/console/account/")),
    Example("account.form_profile", at("/console/account/profile")),
    Example("account.form_password", at("/console/account/password")),
    Example("account.form_preferences", at("/console/account/preferences")),
    Example("clients.form_new", at("/console/clients/new")),
]
