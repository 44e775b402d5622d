"""The form of a new message."""

from __future__ import annotations

from typing import Any

from wtforms import RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from heidi_console.forms.base import ConsoleForm, optional
from heidi_console.forms.fields import JsonField, TimeField
from heidi_console.forms.recipients import RecipientFields
from heidi_console.translations import lazy
from heidi_console.translations.terms import channel_choices, choices

TEXT, TEMPLATE = "text", "template"


class MessageForm(RecipientFields, ConsoleForm):
    """Recipients, channel, and a text or a template."""

    channel = SelectField(lazy("Channel"), choices=channel_choices, default="EMAIL")
    source = RadioField(
        lazy("Content"),
        choices=[SelectChoice(TEXT, lazy("Text")), SelectChoice(TEMPLATE, lazy("From a template"))],
        default=TEXT,
    )
    subject = StringField(lazy("Subject"), description=lazy("For e-mail, push and in-app messages"))
    content = TextAreaField(lazy("Text"), render_kw={"rows": 8})
    attachments = SelectMultipleField(
        lazy("Attachments"),
        description=lazy("Your latest files. Those that exceed 10 MiB together become links in the e-mail."),
        choices=[],
        validate_choice=False,
    )
    template = StringField(lazy("Template"), description=lazy("Name of the template"), render_kw={"list": "templates"})
    variables = JsonField(lazy("Variables"), description=lazy("JSON object with the values that the template needs"))
    category = StringField(
        lazy("Category"),
        description=lazy("Users can mute categories. Leave it empty for the default, “general”."),
        render_kw={"list": "categories"},
    )
    type = SelectField(lazy("Type"), choices=choices("INFO", "SUCCESS", "WARNING", "ERROR", "ALERT"), default="INFO")
    scheduled_for = TimeField(lazy("Send at"), description=lazy("Leave it empty to send the message now."))
    expires_at = TimeField(lazy("Discard if not sent by"))

    def body(self) -> dict[str, Any]:
        """The message as the API expects it, without recipients."""
        return optional(
            {
                "channel": self.channel.data,
                "type": self.type.data,
                "category": (self.category.data or "").strip() or None,
                "scheduledFor": self.scheduled_for.api_value,
                "expiresAt": self.expires_at.api_value,
                "attachments": (self.attachments.data or None) if self.channel.data == "EMAIL" else None,
                **self._content(),
            }
        )

    def _content(self) -> dict[str, Any]:
        if self.source.data == TEMPLATE:
            return {"template": (self.template.data or "").strip(), "variables": self.variables.value}
        return {"subject": (self.subject.data or "").strip() or None, "content": self.content.data}
