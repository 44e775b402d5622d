"""The form of a schedule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wtforms import BooleanField, IntegerField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, NumberRange, Optional

from heidi_common.schemas.naming import camel
from heidi_console.forms import notified
from heidi_console.forms.base import ConsoleForm
from heidi_console.forms.durations import DurationField, short_iso
from heidi_console.forms.fields import TimeField
from heidi_console.translations import lazy, translate
from heidi_console.translations.terms import choices
from heidi_console.translations.times import to_input

PLAIN = ("name", "description", "timezone", "misfire_policy", "overlap_policy", "max_attempts", "timeout_seconds")
CONCURRENCY = ("concurrency_limit", "concurrency_key", "concurrency_policy")
LISTS = ("tags", "holiday_calendars", "excluded_dates")
KINDS = {"CRON": "cron_expression", "EVERY": "every", "AT": "at"}


class ScheduleForm(ConsoleForm):
    """When something runs. What runs stands in the payload (see `schema.py`)."""

    name = StringField(lazy("Name"), [InputRequired()])
    description = StringField(lazy("Description"))
    tags = StringField(lazy("Tags"), description=lazy("Separated by spaces, such as billing nightly"))
    kind = RadioField(
        lazy("It runs"),
        choices=[
            SelectChoice("CRON", lazy("at times (cron)")),
            SelectChoice("EVERY", lazy("in intervals")),
            SelectChoice("AT", lazy("once")),
        ],
        default="CRON",
    )
    cron_expression = StringField(
        lazy("Cron expression"),
        default="0 9 * * 1-5",
        description=lazy("Minute, hour, day of the month, month, day of the week"),
        render_kw={"class": "code", "spellcheck": "false", "autocomplete": "off"},
    )
    every = DurationField(lazy("Interval"), description=lazy("Such as 15m, 1h 30m or 2d"))
    anchor_at = TimeField(lazy("Counted from"), description=lazy("Leave it empty to count from now."))
    at = TimeField(lazy("Time"))
    timezone = StringField(lazy("Time zone"), [InputRequired()], default="UTC")
    holiday_calendars = StringField(
        lazy("Not on the holidays of"),
        description=lazy("Countries, regions or markets such as DE-BY ECB, separated by spaces"),
    )
    excluded_dates = StringField(
        lazy("Not on these dates"), description=lazy("Such as 2027-12-24, separated by spaces")
    )
    is_enabled = BooleanField(lazy("Enabled"), default=True)
    misfire_policy = SelectField(
        lazy("Runs that were missed"), choices=choices("SKIP", "LATEST", "ALL"), default="LATEST"
    )
    overlap_policy = SelectField(
        lazy("If the previous run is still running"), choices=choices("SKIP", "QUEUE_ONE", "ALLOW"), default="SKIP"
    )
    concurrency_limit = IntegerField(
        lazy("Runs at the same time"),
        [Optional(), NumberRange(1, 100)],
        description=lazy("At most so many; replaces the rule for the previous run"),
    )
    concurrency_key = StringField(
        lazy("Together with"), description=lazy("A name that several schedules share: the limit is for all of them")
    )
    concurrency_policy = SelectField(
        lazy("If the limit is reached"), choices=choices("QUEUE", "SKIP", "REPLACE"), default="QUEUE"
    )
    max_attempts = IntegerField(lazy("Attempts"), [Optional(), NumberRange(1, 10)], default=3)
    timeout_seconds = IntegerField(lazy("Time limit in seconds"), [Optional(), NumberRange(1, 300)], default=60)
    alert_recipients = notified.recipients_field(lazy("Notify of failures"))
    notify_on_recovery = BooleanField(lazy("Also notify of the first success after a failure"))

    def validate(self, extra_validators: Any = None) -> bool:
        """Require the field of the chosen kind."""
        valid: bool = super().validate(extra_validators)
        field = self[KINDS[self.kind.data]] if self.kind.data in KINDS else self.kind
        if not field.data and not field.errors:
            field.errors = [translate("This field is required.")]
            return False
        return valid

    def body(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The schedule as the API expects it.

        Raises:
            UnknownRecipients: A recipient does not exist. The field shows it.
        """
        return (
            self.values(*PLAIN, *CONCURRENCY, "is_enabled", "notify_on_recovery")
            | {name: re.split(r"[\s,;]+", text) if text else [] for name, text in self._lists().items()}
            | self._timing()
            | self._recipients()
            | {"action": action, "payload": payload}
        )

    def _lists(self) -> dict[str, str]:
        return {name: (text or "").strip(" ,;\n") for name, text in self.values(*LISTS).items()}

    def _timing(self) -> dict[str, Any]:
        """The time of the chosen kind. A time that was not changed is left out: the field shows no fractions."""
        if self.kind.data == "CRON":
            return self.values("cron_expression")
        times = (self.anchor_at,) if self.kind.data == "EVERY" else (self.at,)
        changed = {field.name: field.api_value for field in times if field.data != field.object_data}
        interval = {"every": self.every.iso} if self.kind.data == "EVERY" else {}
        return interval | {camel(name): value for name, value in changed.items()}

    def _recipients(self) -> dict[str, Any]:
        """The first one is that of `onFailure`."""
        recipients = notified.parse(self.alert_recipients)
        return {"onFailure": recipients[0] if recipients else None, "alertRecipients": recipients[1:]}


def recipients_of(schedule: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All recipients of a schedule of the API."""
    first = [schedule["onFailure"]] if schedule.get("onFailure") else []
    return first + list(schedule.get("alertRecipients") or [])


def form_values(schedule: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The values of the form for a schedule of the API, and the addresses of users by ID."""
    plain = {name: schedule.get(camel(name)) for name in (*PLAIN, *CONCURRENCY, "is_enabled", "notify_on_recovery")}
    lists = {name: " ".join(schedule.get(camel(name)) or []) for name in LISTS}
    return (
        plain
        | lists
        | {
            "kind": schedule["kind"],
            "cron_expression": schedule["cronExpression"],
            "every": short_iso(schedule["every"]),
            "anchor_at": to_input(schedule["anchorAt"]),
            "at": to_input(schedule["at"]),
            "alert_recipients": notified.show(recipients_of(schedule), names),
        }
    )
