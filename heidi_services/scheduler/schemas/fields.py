"""Fields and rules that the schemas of the scheduler share."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from heidi_common.channels.registry import CHANNELS
from heidi_common.schemas.base import Schema
from heidi_services.scheduler.actions import ACTIONS

DAY = 24 * 3600
LONGEST_EXPRESSION = 10_000
"""Much more than the parser accepts, whose message says how to shorten the expression."""


def one_of(values: Iterable[str]) -> validate.OneOf:
    """A validator for the values of an enumeration."""
    return validate.OneOf([str(value) for value in values])


KNOWN_ACTION = validate.OneOf(ACTIONS)


class OnFailure(Schema):
    user_id = fields.UUID(required=True)
    channel = fields.String(validate=validate.OneOf(CHANNELS))

    @post_load
    def _as_json(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        """Return what is stored. A PATCH may leave out fields of the schedule, but not `userId` in this object."""
        if "user_id" not in data:
            raise ValidationError("Missing data for required field.", "userId")
        return data | {"user_id": str(data["user_id"])}


TAG = validate.Regexp(
    r"[a-z0-9][a-z0-9._:-]{0,49}\Z", error="Must contain only lower-case letters, digits and . _ : - (at most 50)."
)


class IsoDate(fields.String):
    """A date that is stored as text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise ValidationError("Must be a date such as 2027-12-24.") from None
