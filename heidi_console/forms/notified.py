"""Who is notified: a text with one user in each line, by address or ID, and a channel if it is not e-mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wtforms import TextAreaField

from heidi_common.channels.registry import CHANNELS
from heidi_console.forms.recipients import UnknownRecipients, resolve_user
from heidi_console.translations import lazy, translate

DEFAULT = "EMAIL"


def recipients_field(label: str) -> TextAreaField:
    """A field for recipients."""
    hint = lazy("One user per line: e-mail address or ID, then EMAIL, SMS, PUSH or IN_APP if it is not by e-mail")
    return TextAreaField(label, description=hint, render_kw={"rows": 3, "spellcheck": "false"})


def parse(field: TextAreaField) -> list[dict[str, str]]:
    """The recipients of a field as the API expects them.

    Raises:
        UnknownRecipients: A user or a channel does not exist. The field shows it.
    """
    try:
        return [_recipient(*line.split()) for line in (field.data or "").splitlines() if line.strip()]
    except UnknownRecipients as error:
        field.errors = [*field.errors, str(error)]
        raise


def _recipient(user: str, channel: str = DEFAULT, *rest: str) -> dict[str, str]:
    if channel.upper() not in CHANNELS or rest:
        raise UnknownRecipients(translate("Must be one of these channels: %(names)s", names=", ".join(CHANNELS)))
    return {"userId": resolve_user(user.rstrip(",;")), "channel": channel.upper()}


def show(recipients: Sequence[dict[str, Any]], names: Mapping[str, str]) -> str:
    """The text for recipients of the API.

    Args:
        recipients: Users and channels.
        names: The addresses of users by ID.
    """
    lines = []
    for item in recipients:
        channel = item.get("channel") or DEFAULT
        user = names.get(item["userId"], item["userId"])
        lines.append(user if channel == DEFAULT else f"{user} {channel}")
    return "\n".join(lines)
