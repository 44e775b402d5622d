"""The avatar of an account: show, upload, choose among the files, remove. Two areas use it, each with its own views."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.api.problems import ApiProblem
from heidi_console.forms.base import explain
from heidi_console.pages.images import image
from heidi_console.pages.responses import done
from heidi_console.translations import translate


def show_avatar(user_id: UUID | str) -> Response:
    """The avatar of a user, as an image."""
    return image(f"/files/avatars/{user_id}", size=128)


def change_avatar(owner_id: UUID | str, endpoint: str, **values: Any) -> Response:
    """Use a file as the avatar: the one that the form names, or the one that it contains.

    Args:
        owner_id: The user.
        endpoint: The page to show afterwards.
        values: The values of its URL.
    """
    file_id = request.form.get("file_id") or _uploaded(owner_id)
    if not file_id:
        flash(translate("Choose a file first."), "bad")
        return redirect(url_for(endpoint, **values), 303)
    try:
        calls.patch(f"/users/{owner_id}", {"avatarFileId": file_id})
    except ApiProblem as problem:
        return _rejected(problem, file_id, endpoint, **values)
    return done(translate("The picture is changed."), endpoint, **values)


def remove_avatar(owner_id: UUID | str, endpoint: str, **values: Any) -> Response:
    """Remove the avatar. Its file stays."""
    calls.patch(f"/users/{owner_id}", {"avatarFileId": None})
    return done(translate("The picture is removed. Its file is still among the files."), endpoint, **values)


def _uploaded(user_id: UUID | str) -> str | None:
    """Browsers without JavaScript send the file with the form; it must be small."""
    part = request.files.get("file")
    if part is None or not part.filename:
        return None
    content, kind = part.stream.read(), part.mimetype or "application/octet-stream"
    return str(calls.upload("/files", content, kind, name=part.filename, userId=user_id).data["id"])


def _rejected(problem: ApiProblem, file_id: str, endpoint: str, **values: Any) -> Response:
    if problem.code == "scanning":
        flash(translate("The picture is being scanned for viruses. Choose “Use as picture” when it is ready."), "bad")
        return redirect(url_for("files.show", file_id=file_id), 303)
    if problem.status not in (409, 422):
        raise problem
    flash(" ".join(error.detail for error in problem.errors) or explain(problem), "bad")
    return redirect(url_for(endpoint, **values), 303)
