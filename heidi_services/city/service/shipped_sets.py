"""Which shipped sets of cities were imported."""

from __future__ import annotations

from sqlalchemy import delete

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.metrics import platform_states
from heidi_services.city.gazetteer import data_version


def record_import(min_population: int) -> None:
    """Store that the current version of a set was imported, so that `flask prepare` need not import it again."""
    with transaction():
        db.session.execute(
            delete(platform_states.PlatformState).where(
                platform_states.PlatformState.name == platform_states.CITIES,
                platform_states.PlatformState.value == min_population,
            )
        )
        platform_states.store(platform_states.CITIES, data_version.cities_version(min_population), min_population)
