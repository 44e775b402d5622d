"""Cities for tests: a few that tests create, or the 34 thousand of the shipped data."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_services.city.import_sources import geonames
from heidi_services.city.models import City
from heidi_services.city.service import cities, importer
from tests.conftest import _empty

BERLIN = {"name": "Berlin", "country": "DE", "latitude": 52.52437, "longitude": 13.41053, "population": 3426354}
MUNICH = {
    "name": "München",
    "country": "DE",
    "latitude": 48.13743,
    "longitude": 11.57549,
    "population": 1505005,
    "timezone": "Europe/Berlin",
    "other_names": ["Munich", "Monaco di Baviera"],
}
SUVA = {"name": "Suva", "country": "FJ", "latitude": -18.14161, "longitude": 178.44149, "population": 77366}
APIA = {"name": "Apia", "country": "WS", "latitude": -13.83333, "longitude": -171.76666, "population": 40407}


@pytest.fixture
def make(app: Flask) -> Callable[..., City]:
    """Create a city: `make(**BERLIN)`, or any city with `make(name="X", latitude=1)`."""

    def city(**fields: Any) -> City:
        values = {"name": "Somewhere", "country": "DE", "latitude": 0.0, "longitude": 0.0} | fields
        return cities.create(**values)

    return city


@pytest.fixture
def editor(as_user: Callable[..., Any]) -> dict[str, str]:
    """Headers of a user who may change cities."""
    headers: dict[str, str] = as_user(Role.MODERATOR).headers
    return headers


@pytest.fixture(scope="module")
def world(platform: Flask) -> Iterator[FlaskClient]:
    """A client of a platform with 34 thousand cities; for modules that only read them."""
    with platform.app_context():
        with transaction():
            count = db.session.query(City).count()
        if count != 34_006:
            _empty()
            importer.import_cities(geonames.read_shipped(15000).lines)
        yield platform.test_client()
        db.session.remove()
