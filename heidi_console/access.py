"""Who may open which page. Every view is marked with the role that it requires, and unmarked views are rejected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, request
from werkzeug.exceptions import Forbidden

from heidi_console.session import signed_in
from heidi_console.session.problems import SessionEnded

View = TypeVar("View", bound=Callable[..., Any])

USER, MODERATOR, ADMIN = "USER", "MODERATOR", "ADMIN"
PUBLIC = "PUBLIC"
RANK = {PUBLIC: 0, USER: 1, MODERATOR: 2, ADMIN: 3}
"""Each role may do what the roles before it may do."""


def requires(role: str) -> Callable[[View], View]:
    """Mark a view with the lowest role that may use it."""

    def mark(view: View) -> View:
        view.required_role = role  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """Mark a view that needs no sign-in."""
    return requires(PUBLIC)(view)


def required_role(app: Flask, endpoint: str) -> str | None:
    """The lowest role that may use an endpoint; None if its view is not marked."""
    if endpoint == "static":
        return PUBLIC
    return getattr(app.view_functions[endpoint], "required_role", None)


def allows(role: str) -> bool:
    """Whether the signed-in user has a role, or a higher one."""
    user = signed_in.current_user()
    return RANK[user["role"] if user else PUBLIC] >= RANK[role]


def init_access(app: Flask) -> None:
    """Check the role before each view."""
    app.before_request(_enforce)


def _enforce() -> None:
    """Reject the request unless the user may use the view.

    Raises:
        SessionEnded: The user is not signed in.
        Forbidden: The role is not sufficient, or the view is not marked.
    """
    if request.endpoint is None:
        return
    role = required_role(current_app, request.endpoint)
    if role == PUBLIC:
        return
    if signed_in.current_user() is None:
        raise SessionEnded
    if role is None or not allows(role):
        raise Forbidden
