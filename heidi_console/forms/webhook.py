"""Forms of webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wtforms import SelectField, StringField, TextAreaField, URLField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from heidi_console.forms.base import ConsoleForm, optional
from heidi_console.forms.fields import JsonField, TimeField
from heidi_console.translations import lazy

EVENT_TYPES = lazy("One per line, such as notification.failed. Empty means none.")
SECRET_JSON = {"class": "code", "spellcheck": "false", "autocomplete": "off"}


class WebhookForm(ConsoleForm):
    """A new integration: whose webhooks are received, and where events are sent."""

    name = StringField(lazy("Name"), [InputRequired()])
    provider = SelectField(
        lazy("Provider"),
        description=lazy("Whose webhooks are received. “Webhook” only sends events to your endpoint."),
    )
    webhook_url = URLField(lazy("Endpoint"), description=lazy("The URL to which events are sent, signed"))
    event_types = TextAreaField(lazy("Event types"), description=EVENT_TYPES)
    credentials = JsonField(
        lazy("Credentials"),
        description=lazy(
            'JSON object, such as {"webhookSecret": "whsec_..."}. Stored encrypted and never shown again.'
        ),
        render_kw=SECRET_JSON,
    )

    def offer(self, providers: Sequence[dict[str, Any]]) -> None:
        """Offer providers to choose from, with `WEBHOOK` first: most users only want to receive events."""
        names = sorted((provider["name"] for provider in providers), key=lambda name: name != "WEBHOOK")
        self.provider.choices = [SelectChoice(name, name.title()) for name in names]

    def body(self) -> dict[str, Any]:
        """The integration as the API expects it."""
        types = (self.event_types.data or "").split()
        return {"provider": self.provider.data, "name": self.name.data} | optional(
            {
                "webhookUrl": self.webhook_url.data or None,
                "config": {"eventTypes": types} if types else None,
                "credentials": self.credentials.value or None,
            }
        )


class WebhookEditForm(ConsoleForm):
    """What can be changed of an integration."""

    name = StringField(lazy("Name"), [InputRequired()])
    webhook_url = URLField(lazy("Endpoint"), description=lazy("The URL to which events are sent, signed"))
    event_types = TextAreaField(lazy("Event types"), description=EVENT_TYPES)
    credentials = JsonField(
        lazy("Credentials"),
        description=lazy("JSON object with those to replace. The others stay; null removes one."),
        render_kw=SECRET_JSON,
    )

    def body(self, config: dict[str, Any]) -> dict[str, Any]:
        """The change as the API expects it.

        Args:
            config: The current configuration, whose other members stay.
        """
        body = {
            "name": self.name.data,
            "webhookUrl": self.webhook_url.data or None,
            "config": config | {"eventTypes": (self.event_types.data or "").split()},
        }
        return body | ({"credentials": self.credentials.value} if self.credentials.value else {})


class RecoverForm(ConsoleForm):
    """Since when deliveries are sent again."""

    since = TimeField(lazy("Since"))
