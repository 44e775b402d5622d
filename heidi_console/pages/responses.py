"""What views return after an action, and parts of pages that may be unavailable."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.api.problems import ApiProblem


def done(text: str, endpoint: str, **values: Any) -> Response:
    """Say what happened and lead to a page.

    Args:
        text: What happened, translated.
        endpoint: The page to show.
        values: The values of its URL.
    """
    flash(text, "good")
    return redirect(url_for(endpoint, **values), 303)


def part(path: str, **params: Any) -> Any:
    """Read a part of a page; None if it is unavailable, so that the rest is shown."""
    try:
        return calls.get(path, **params).data
    except ApiProblem:
        return None


def names_of(user_ids: Iterable[str]) -> dict[str, str]:
    """The e-mail addresses of users by ID. Deleted users, and all if the users service is unavailable, are left out."""
    unique = sorted(set(user_ids))
    if not unique:
        return {}
    users = part("/users", ids=",".join(unique), limit=len(unique)) or []
    return {user["id"]: user["email"] for user in users}
