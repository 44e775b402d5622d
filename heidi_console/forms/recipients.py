"""To whom a message goes: one user, all users of a role, or a list. Users are typed as e-mail addresses or IDs."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from wtforms import RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from heidi_console import calls
from heidi_console.translations import lazy, translate
from heidi_console.translations.terms import choices

USER, ROLE, LIST = "user", "role", "list"
MAX_LISTED = 1000
"""The API's limit for one list."""


class UnknownRecipients(ValueError):
    """Some recipients do not exist. The text names them."""


class RecipientFields:
    """The fields of a form that asks for recipients."""

    to = RadioField(
        lazy("Send to"),
        choices=[
            SelectChoice(USER, lazy("One user")),
            SelectChoice(ROLE, lazy("All users of a role")),
            SelectChoice(LIST, lazy("A list of users")),
        ],
        default=USER,
    )
    user = StringField(
        lazy("User"),
        description=lazy("E-mail address or ID"),
        render_kw={"list": "users", "data-suggest": "/console/people/suggest", "autocomplete": "off"},
    )
    role = SelectField(lazy("Role"), choices=choices("USER", "MODERATOR", "ADMIN"))
    users = TextAreaField(lazy("Users"), description=lazy("E-mail addresses or IDs, one per line, at most 1,000"))


def resolve_user(text: str) -> str:
    """The ID of a user.

    Args:
        text: An e-mail address or an ID.

    Raises:
        UnknownRecipients: The user does not exist.
    """
    text = text.strip()
    if not text:
        raise UnknownRecipients(translate("Enter the e-mail address or the ID of a user."))
    if _is_id(text):
        return text
    users = calls.get("/users", q=text, limit=20).data
    ids = [user["id"] for user in users if user["email"].lower() == text.lower()]
    if not ids:
        raise UnknownRecipients(translate("No user has this address: %(address)s", address=text))
    return str(ids[0])


def resolve_users(text: str) -> list[str]:
    """The IDs of the users in a list, separated by lines, commas or spaces.

    Raises:
        UnknownRecipients: One does not exist, or there are none or too many.
    """
    entries = [entry for entry in re.split(r"[\s,;]+", text) if entry]
    if not 1 <= len(entries) <= MAX_LISTED:
        raise UnknownRecipients(translate("Enter 1 to 1,000 users, one per line."))
    return [resolve_user(entry) for entry in entries]


def audience(form: Any) -> tuple[str, dict[str, Any]]:
    """The endpoint and the recipients in its body, for the recipients of a form.

    Raises:
        UnknownRecipients: The recipients do not exist.
    """
    if form.to.data == ROLE:
        return "/notifications/bulk", {"filter": {"role": form.role.data, "isActive": True}}
    if form.to.data == LIST:
        return "/notifications/bulk", {"userIds": resolve_users(form.users.data or "")}
    return "/notifications", {"userId": resolve_user(form.user.data or "")}


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
