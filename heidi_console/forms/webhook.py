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


class WebhookForm(ConsoleForm):
    """A new integration: whose webhooks are received, and where events are sent."""

    name = StringField(lazy("Name"), [InputRequired()])
    provider = SelectField(
        lazy("Provider"),
        description=lazy("Whose webhooks are received. “Webhook” only sends events to your endpoint."),
    )
    webhook_url = URLField(lazy("Endpoint"), description=lazy("The URL to which events are sent, signed"))
    event_types = TextAreaField(
        lazy("Event types"), description=lazy("One per line, such as notification.failed. Empty means none.")
    )
    credentials = JsonField(
        lazy("Credentials"),
        description=lazy(
            'JSON object, such as {"webhookSecret": "whsec_..."}. Stored encrypted and never shown again.'
        ),
        render_kw={"class": "code", "spellcheck": "false", "autocomplete": "off"},
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


class RecoverForm(ConsoleForm):
    """Since when deliveries are sent again."""

    since = TimeField(lazy("Since"))
