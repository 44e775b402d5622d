"""The form of a replay of past events."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from wtforms import RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from heidi_console.forms.base import ConsoleForm, optional
from heidi_console.forms.fields import TimeField
from heidi_console.translations import lazy

SUBSCRIBER, ENDPOINT = "subscriber", "endpoint"
REPLAY_NAMES = {"from": "start", "to": "end"}


class ReplayForm(ConsoleForm):
    """Who gets which events again."""

    to = RadioField(
        lazy("Replay to"),
        choices=[SelectChoice(SUBSCRIBER, lazy("a subscriber")), SelectChoice(ENDPOINT, lazy("a webhook"))],
        default=SUBSCRIBER,
    )
    subscriber = SelectField(
        lazy("Subscriber"),
        choices=[],
        validate_choice=False,
        description=lazy("It handles the events again, even those that it has handled."),
    )
    integration_id = SelectField(
        lazy("Webhook"),
        choices=[],
        validate_choice=False,
        description=lazy("It gets those to which it has subscribed, with the same IDs as before."),
    )
    types = StringField(
        lazy("Types"),
        description=lazy("Event types or patterns such as user.*, separated by spaces; leave it empty for all"),
        render_kw={"list": "types", "class": "code", "spellcheck": "false", "autocomplete": "off"},
    )
    start = TimeField(lazy("From (required)"), validators=[InputRequired()])
    end = TimeField(lazy("Until"), description=lazy("Leave it empty for all events until now."))

    def body(self) -> dict[str, Any]:
        """The replay as the API expects it."""
        is_endpoint = self.to.data == ENDPOINT
        receiver = {"integrationId": self.integration_id.data} if is_endpoint else {"subscriber": self.subscriber.data}
        types = [each for each in re.split(r"[\s,;]+", self.types.data or "") if each]
        return optional(receiver | {"types": types or None, "from": self.start.api_value, "to": self.end.api_value})


def subscriber_choices(subscribers: Iterable[dict[str, Any]]) -> list[SelectChoice]:
    """The choices of the subscribers, each with the types of the events that it handles."""
    return [SelectChoice(each["name"], f"{each['name']} ({each['pattern']})") for each in subscribers]


def endpoint_choices(integrations: Iterable[dict[str, Any]]) -> list[SelectChoice]:
    """The choices of the webhooks to which events are forwarded."""
    forwarding = [each for each in integrations if each["isForwarding"]]
    counts = Counter(each["name"] for each in forwarding)
    return [SelectChoice(each["id"], _label(each) if counts[each["name"]] > 1 else each["name"]) for each in forwarding]


def _label(integration: dict[str, Any]) -> str:
    """The name with the endpoint and the end of the ID, for a name that several webhooks have."""
    details = (integration.get("webhookUrl"), f"…{integration['id'][-8:]}")
    return " · ".join([integration["name"], *filter(None, details)])
