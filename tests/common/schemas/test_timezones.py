import pytest
from marshmallow import ValidationError

from heidi_common.schemas import timezones


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", None])
def test_a_zone_of_the_database_is_accepted(name: str | None) -> None:
    timezones.validate_timezone(name)


@pytest.mark.parametrize("name", ["Europe/Bern", "europe/berlin", "Factory", "localtime", ""])
def test_other_names_are_rejected(name: str) -> None:
    with pytest.raises(ValidationError):
        timezones.validate_timezone(name)
