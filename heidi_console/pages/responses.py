"""What views return after an action, and parts of pages that may be unavailable."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from flask import Response as FlaskResponse
from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.api.problems import ApiProblem
from heidi_console.api.transport import ApiCall, ApiResponse
from heidi_console.components.json_view import pretty


def done(text: str, endpoint: str, **values: Any) -> Response:
    """Say what happened and lead to a page.

    Args:
        text: What happened, translated.
        endpoint: The page to show.
        values: The values of its URL.
    """
    flash(text, "good")
    return redirect(url_for(endpoint, **values), 303)


def json_file(value: Any, name: str) -> Response:
    """A value as a JSON file to be saved."""
    headers = {"Content-Disposition": f"attachment; filename={name}"}
    return FlaskResponse(pretty(value), headers=headers, mimetype="application/json")


def part(path: str, **params: Any) -> Any:
    """Read a part of a page; None if it is unavailable, so that the rest is shown."""
    try:
        return calls.get(path, **params).data
    except ApiProblem:
        return None


def parts(**reads: ApiCall) -> dict[str, Any]:
    """Read the parts of a page at the same time: name -> its data, or None if it is unavailable.

    Args:
        reads: Name -> `calls.read(...)`.
    """
    return {name: data_of(result) for name, result in calls.get_all(reads).items()}


def data_of(result: ApiResponse | ApiProblem) -> Any:
    """The data of a part; None if it is unavailable."""
    return None if isinstance(result, ApiProblem) else result.data


def is_id(value: str | None) -> bool:
    """Whether a text is a UUID."""
    try:
        UUID(value or "")
    except ValueError:
        return False
    return True


def names_of(user_ids: Iterable[str]) -> dict[str, str]:
    """The e-mail addresses of users by ID. Deleted users, and all if the users service is unavailable, are left out."""
    unique = sorted(set(user_ids))
    if not unique:
        return {}
    users = part("/users", ids=",".join(unique), limit=len(unique)) or []
    return {user["id"]: user["email"] for user in users}


def client_names() -> dict[str, str]:
    """The names of machine clients by ID."""
    return {client["id"]: client["name"] for client in part("/auth/clients", limit=100) or []}
