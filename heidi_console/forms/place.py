"""The form of a city."""

from __future__ import annotations

from typing import Any

from wtforms import DecimalField, IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from heidi_console.forms.base import ConsoleForm
from heidi_console.translations import lazy
from heidi_console.translations.terms import choices

FIELDS = ("name", "country", "state", "latitude", "longitude", "population", "timezone", "kind")


class PlaceForm(ConsoleForm):
    """Name, position and figures of a city."""

    name = StringField(lazy("Name"), [InputRequired()])
    country = StringField(
        lazy("Country"),
        [InputRequired(), Length(2, 2)],
        description=lazy("Two letters, such as DE"),
        render_kw={"autocapitalize": "characters", "autocomplete": "off"},
    )
    state = StringField(lazy("Region"), description=lazy("Its code or name. Optional."))
    latitude = DecimalField(
        lazy("Latitude"), [InputRequired(), NumberRange(-90, 90)], places=None, render_kw={"data-latitude": ""}
    )
    longitude = DecimalField(
        lazy("Longitude"), [InputRequired(), NumberRange(-180, 180)], places=None, render_kw={"data-longitude": ""}
    )
    population = IntegerField(lazy("Population"), [Optional(), NumberRange(0)])
    timezone = StringField(lazy("Time zone"), description=lazy("Such as Europe/Zurich"))
    kind = SelectField(
        lazy("Kind"), choices=[SelectChoice("", lazy("Unknown")), *choices("CITY", "DISTRICT")], validate_choice=False
    )

    def body(self) -> dict[str, Any]:
        """The city as the API expects it."""
        position = {"latitude": _degrees(self.latitude), "longitude": _degrees(self.longitude)}
        return (
            self.values("name", "state", "population", "timezone", "kind")
            | position
            | {"country": (self.country.data or "").upper()}
        )


def _degrees(field: DecimalField) -> float:
    return float(field.data or 0)
