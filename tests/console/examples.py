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


PAGES = [
    Example("sign_in.form", at("/console/sign-in"), signed_in=False),
    Example("home.list", at("/console/")),
    Example("home.show_inbox", at("/console/inbox")),
    Example("messages.list", message_list),
    Example("messages.show", message),
    Example("messages.form_new", at("/console/messages/new")),
]
