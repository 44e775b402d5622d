"""The form of a monitor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wtforms import BooleanField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from heidi_console.forms import notified
from heidi_console.forms.base import ConsoleForm
from heidi_console.forms.durations import DurationField, short, short_iso
from heidi_console.translations import lazy, translate

EVERY, CRON = "EVERY", "CRON"
NAMES = {"graceSeconds": "grace"}


class MonitorForm(ConsoleForm):
    """When pings of a job are expected, and who is notified if they do not come."""

    name = StringField(lazy("Name"), [InputRequired()])
    description = StringField(lazy("Description"))
    kind = RadioField(
        lazy("A ping is expected"),
        choices=[SelectChoice(EVERY, lazy("in intervals")), SelectChoice(CRON, lazy("at times"))],
        default=EVERY,
    )
    every = DurationField(lazy("Interval"), default="1d", description=lazy("Such as 15m, 1h 30m or 2d"))
    cron_expression = StringField(
        lazy("Cron expression"),
        description=lazy("Minute, hour, day of the month, month, day of the week"),
        render_kw={"class": "code", "spellcheck": "false", "autocomplete": "off"},
    )
    timezone = StringField(lazy("Time zone"), default="UTC")
    grace = DurationField(
        lazy("Grace time"), [InputRequired()], default="1h", description=lazy("How late a ping may be, such as 10m")
    )
    recipients = notified.recipients_field(lazy("Notify"))
    manual_resume = BooleanField(lazy("A ping does not end a pause"))

    def body(self) -> dict[str, Any]:
        """The monitor as the API expects it.

        Raises:
            UnknownRecipients: A recipient does not exist. The field shows it.
        """
        is_cron = self.kind.data == CRON
        timing = {"cronExpression": self.cron_expression.data} if is_cron else {"every": self.every.iso}
        rest = {"graceSeconds": self.grace.seconds, "recipients": notified.parse(self.recipients)}
        return self.values("name", "description", "timezone", "manual_resume") | timing | rest

    def validate(self, extra_validators: Any = None) -> bool:
        """Require the field of the chosen kind."""
        valid: bool = super().validate(extra_validators)
        field = self.cron_expression if self.kind.data == CRON else self.every
        if valid and not (field.data or "").strip():
            field.errors = [*field.errors, translate("This field is required.")]
            return False
        return valid


def form_values(monitor: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The values of the form for a monitor of the API, and the addresses of users by ID."""
    return {name: monitor[name] for name in ("name", "description", "timezone")} | {
        "kind": EVERY if monitor["every"] else CRON,
        "every": short_iso(monitor["every"]),
        "cron_expression": monitor["cronExpression"] or "",
        "grace": short(monitor["graceSeconds"]),
        "recipients": notified.show(monitor["recipients"], names),
        "manual_resume": monitor["manualResume"],
    }
