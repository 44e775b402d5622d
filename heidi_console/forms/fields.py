"""Fields that HTML offers and WTForms lacks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from wtforms import DateTimeLocalField, TextAreaField, ValidationError
from wtforms.validators import Optional

from heidi_console.translations import translate
from heidi_console.translations.times import to_api


class TimeField(DateTimeLocalField):  # type: ignore[misc]
    """A date and time in the time zone of the user. `api_value` is what the API expects."""

    def __init__(self, label: str, **options: Any) -> None:
        formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
        super().__init__(label, format=formats, **({"validators": [Optional()]} | options))

    @property
    def api_value(self) -> str | None:
        return to_api(self.data) if isinstance(self.data, datetime) else None


class JsonField(TextAreaField):  # type: ignore[misc]
    """A JSON object. Its `data` is the text that the user typed; `value` is the object."""

    def pre_validate(self, form: Any) -> None:
        """Require a JSON object, or nothing."""
        if not isinstance(self._parsed(), dict):
            raise ValidationError(translate('Must be a JSON object such as {"name": "Ada"}.'))

    @property
    def value(self) -> dict[str, Any]:
        parsed = self._parsed()
        return parsed if isinstance(parsed, dict) else {}

    def _parsed(self) -> Any:
        try:
            return orjson.loads(self.data) if (self.data or "").strip() else {}
        except orjson.JSONDecodeError:
            return None
