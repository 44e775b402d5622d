"""The form of a schedule."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, NumberRange, Optional

from heidi_console.forms.base import ConsoleForm
from heidi_console.translations import lazy
from heidi_console.translations.terms import choices

PLAIN = ("name", "description", "cron_expression", "timezone", "misfire_policy", "overlap_policy")


class ScheduleForm(ConsoleForm):
    """When something runs. What runs stands in the payload (see `schema.py`)."""

    name = StringField(lazy("Name"), [InputRequired()])
    description = StringField(lazy("Description"))
    cron_expression = StringField(
        lazy("Cron expression"),
        [InputRequired()],
        default="0 9 * * 1-5",
        description=lazy("Minute, hour, day of the month, month, day of the week"),
        render_kw={"class": "code", "spellcheck": "false", "autocomplete": "off"},
    )
    timezone = StringField(lazy("Time zone"), [InputRequired()], default="UTC")
    is_enabled = BooleanField(lazy("Enabled"), default=True)
    misfire_policy = SelectField(
        lazy("Runs that were missed"), choices=choices("SKIP", "LATEST", "ALL"), default="LATEST"
    )
    overlap_policy = SelectField(
        lazy("If the previous run is still running"), choices=choices("SKIP", "QUEUE_ONE", "ALLOW"), default="SKIP"
    )
    max_attempts = IntegerField(lazy("Attempts"), [Optional(), NumberRange(1, 20)], default=3)
    timeout_seconds = IntegerField(lazy("Time limit in seconds"), [Optional(), NumberRange(1, 3600)], default=60)

    def body(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The schedule as the API expects it."""
        plain = [name for name in PLAIN if name in self]
        return self.values(*plain, "max_attempts", "timeout_seconds") | {
            "isEnabled": self.is_enabled.data,
            "action": action,
            "payload": payload,
        }
