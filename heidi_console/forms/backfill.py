"""The form of a backfill."""

from __future__ import annotations

from wtforms.validators import InputRequired

from heidi_console.forms.base import ConsoleForm
from heidi_console.forms.fields import TimeField
from heidi_console.translations import lazy


class BackfillForm(ConsoleForm):
    """A past period whose missed runs are run now."""

    start = TimeField(lazy("From"), validators=[InputRequired()])
    end = TimeField(lazy("Until"), validators=[InputRequired()])

    def body(self) -> dict[str, str | None]:
        """The period as the API expects it."""
        return {"from": self.start.api_value, "to": self.end.api_value}
