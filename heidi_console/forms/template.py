"""The forms of templates."""

from __future__ import annotations

from typing import Any

from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired

from heidi_console.forms.base import ConsoleForm
from heidi_console.forms.fields import JsonField
from heidi_console.translations import lazy
from heidi_console.translations.terms import channel_choices

CODE = {"class": "code", "spellcheck": "false"}


class TemplateForm(ConsoleForm):
    """The text of a template, and values to try it with."""

    subject = StringField(lazy("Subject"))
    body = TextAreaField(
        lazy("Text"),
        [InputRequired()],
        description=lazy("Jinja: {{ name }} inserts a variable."),
        render_kw=CODE | {"rows": 12},
    )
    html = TextAreaField(lazy("HTML"), description=lazy("For e-mails. Optional."), render_kw=CODE | {"rows": 10})
    category = StringField(lazy("Category"))
    variables = JsonField(
        lazy("Variables for the preview"), description=lazy("JSON object"), render_kw=CODE | {"rows": 4}
    )

    def text(self) -> dict[str, Any]:
        """The text as the API expects it."""
        return {
            "subject": self.subject.data or None,
            "body": self.body.data,
            "html": self.html.data or None,
            "category": self.category.data or None,
        }


class NewTemplateForm(TemplateForm):
    """A new template: its name, channel and locale, and its text."""

    name = StringField(lazy("Name"), [InputRequired()], description=lazy("Such as order-shipped"))
    channel = SelectField(lazy("Channel"), choices=channel_choices)
    locale = StringField(lazy("Language"), [InputRequired()], default="en", description=lazy("Such as en or de-CH"))

    def new(self) -> dict[str, Any]:
        """The template as the API expects it."""
        return self.text() | {"name": self.name.data, "channel": self.channel.data, "locale": self.locale.data}
