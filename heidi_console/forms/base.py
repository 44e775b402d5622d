"""`ConsoleForm`, the base of all forms."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import request, session
from flask_wtf import FlaskForm
from wtforms import HiddenField
from wtforms.i18n import get_translations

from heidi_common.schemas.naming import camel
from heidi_console.api.problems import ApiProblem, WrongField
from heidi_console.forms import conflict
from heidi_console.session import signed_in
from heidi_console.translations import current_locale, translate

T = TypeVar("T")
DRAFT = "draft"
RECENT_SIGN_IN = "recent_sign_in_required"
"""The code of the API for an action that needs a session which began recently."""
_CAMEL = re.compile(r"(?<!^)(?=[A-Z])")


class ConsoleForm(FlaskForm):  # type: ignore[misc]
    """A form with a CSRF token, an idempotency key, and a place for the errors of the API.

    A draft is what the user typed when the session ended: after the next sign-in the form shows it again.
    """

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        def get_translations(self, form: Any) -> Any:
            return get_translations([current_locale(), "en"])

    form_errors: list[str]
    changes: Sequence[conflict.Change] = ()
    """What another user has changed since the form was opened."""
    request_key = HiddenField(default=lambda: secrets.token_urlsafe(16))
    etag = HiddenField()
    opened = HiddenField()
    """The values of the resource when the form was opened, as JSON, to show later what another user has changed."""

    def __init__(self, *args: Any, **values: Any) -> None:
        draft = session.pop(DRAFT, None) if request.method == "GET" and _is_draft_of_this_page() else None
        if values.get("etag"):
            values["opened"] = conflict.snapshot(values)
        super().__init__(*args, **(values | ({"formdata": _multi_dict(draft["fields"])} if draft else {})))

    def submit(self, send: Callable[[], T | None], names: dict[str, str] | None = None) -> T | None:
        """Send the form if it was submitted and its fields are valid.

        Args:
            send: Calls the API with the values of the form, or returns None if they do not suffice.
            names: As in `show_problem`.

        Returns:
            What `send` returns; None also if nothing was submitted, or if the form says what is wrong.

        Raises:
            ApiProblem: The action needs a recent sign-in.
        """
        if not self.validate_on_submit():
            return None
        try:
            return send()
        except ApiProblem as problem:
            self.show_problem(problem, names)
        return None

    def show_problem(self, problem: ApiProblem, names: dict[str, str] | None = None) -> None:
        """Show an error of the API at the fields that it names, and the others above the form.

        Args:
            problem: The error.
            names: Field of the API -> field of the form, where they differ otherwise than by their spelling.

        Raises:
            ApiProblem: The action needs a recent sign-in.
        """
        if problem.code == RECENT_SIGN_IN:
            raise problem  # becomes a page that leads to sign-in and back
        if problem.status == 412:
            self._show_conflict()
            return
        unplaced = [_named(error) for error in problem.errors if not self._place(error.name, error.detail, names or {})]
        if unplaced or not problem.errors:
            self.form_errors = [*self.form_errors, *(unplaced or [explain(problem)])]

    def _show_conflict(self) -> None:
        """Say what has changed. What the user typed stays, and saving again replaces the current values."""
        self.changes = conflict.changes(self)
        self.etag.data, self.opened.data = self.etag.object_data, self.opened.object_data
        text = translate(
            "Another user has changed this since you opened it. What you typed is kept, but not saved yet."
        )
        self.form_errors = [*self.form_errors, text]

    def _place(self, name: str, detail: str, names: dict[str, str]) -> bool:
        field = self._fields.get(names.get(name) or _CAMEL.sub("_", name).lower())
        if field is None:
            return False
        field.errors = [*field.errors, detail]
        return True

    def values(self, *names: str) -> dict[str, Any]:
        """The values of fields as the API expects them: camelCase, and None for empty texts."""
        return {camel(name): None if self[name].data == "" else self[name].data for name in names}


def _named(error: WrongField) -> str:
    """What is wrong, with the path of the field that the form does not show."""
    path = error.pointer.strip("/")
    return f"{path}: {error.detail}" if path else error.detail


def explain(problem: ApiProblem) -> str:
    """What an error of the API means for the user, and what to do."""
    texts = {
        409: translate("The request conflicts with the current state: %(detail)s", detail=problem.detail),
        412: translate("Another user has changed this in the meantime. Reload the page to see the current state."),
        429: translate("Too many requests. Try again in %(num)s seconds.", num=problem.retry_after or 60),
        503: translate("The service is unavailable at the moment. What you typed is kept; try again shortly."),
    }
    return texts.get(problem.status) or problem.detail or translate("The request was rejected.")


def optional(pairs: dict[str, Any]) -> dict[str, Any]:
    """A body without the members that are None."""
    return {name: value for name, value in pairs.items() if value is not None}


def typed_fields() -> list[tuple[str, str]]:
    """What the user typed, without passwords and other secrets."""
    return [(name, value) for name, value in request.form.items(multi=True) if name not in SECRET_FIELDS]


def keep_draft(owner: str | None) -> None:
    """Keep what the user typed until after the next sign-in.

    Args:
        owner: The ID of the user who typed it, so that no other user sees it; None if the session is lost.
    """
    session[DRAFT] = {"path": request.path, "fields": typed_fields(), "owner": owner}


SECRET_FIELDS = frozenset(
    {
        *("csrf_token", "password", "current_password", "new_password", "code", "client_secret", "credentials"),
        *("token", "headers", "client_key"),
    }
)
"""They are never kept in a draft."""


def _is_draft_of_this_page() -> bool:
    draft, user = session.get(DRAFT), signed_in.current_user()
    if draft is None or draft["path"] != request.path:
        return False
    return draft["owner"] is None or (user is not None and user["id"] == draft["owner"])


def _multi_dict(fields: Sequence[Sequence[str]]) -> Any:
    from werkzeug.datastructures import MultiDict

    return MultiDict([(name, value) for name, value in fields])
