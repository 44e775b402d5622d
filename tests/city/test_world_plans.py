"""Every frequent query uses an index: the plans of the statements that are actually sent, with 34 thousand cities."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from heidi_common.database.transactions import reading
from tests.sql_recorder import recorded_statements

Plans = Callable[[str], list[str]]


@pytest.fixture
def plans(world: FlaskClient) -> Plans:
    """Returns the plans of the statements that a GET sends."""

    def explain(path: str) -> list[str]:
        with recorded_statements() as sent:
            assert world.get(f"/api/v1/cities{path}").status_code == 200
        with reading() as connection:
            return [
                "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", values).scalars())
                for statement, values in sent
            ]

    return explain


# For a prefix, the planner chooses between the btree (`_prefix`) and the trigrams (`_typo`); both are suitable.
POINT = "latitude=48.1&longitude=11.5"


@pytest.mark.parametrize(
    ("path", "index"),
    [
        (f"/nearby?{POINT}", "hx_cities_pos"),
        (f"/nearby?{POINT}&radiusKm=20038&limit=100", "hx_cities_pos"),
        (f"/nearby?{POINT}&minPopulation=20000", "hx_cities_pos"),
        (f"/nearby?{POINT}&country=DE", "hx_cities_country_pos"),
        (f"/nearby?{POINT}&country=TV&radiusKm=20038", "hx_cities_country_"),
        (f"/nearby?{POINT}&minPopulation=50000", "hx_cities_town_pos"),
        (f"/nearby?{POINT}&minPopulation=100000", "hx_cities_large_pos"),
        (f"/nearby?{POINT}&minPopulation=5000000&radiusKm=20038", "hx_cities_large_pos"),
        ("/search?q=zu", "hx_city_names_"),
        ("/search?q=munic", "hx_city_names_"),
        (f"/search?q=frankf&{POINT}", "hx_city_names_"),
        ("", "ix_cities_name_id"),
        ("?sort=-name", "ix_cities_name_id"),
        ("?country=DE", "ix_cities_country_name_id"),
        ("?country=DE&sort=-population", "hx_cities_country_people"),
        ("?sort=-population", "hx_cities_people"),
        ("?minPopulation=20000000", "hx_cities_people"),
        ("?sort=-createdAt", "ix_cities_created_at_id"),
        ("?timezone=Antarctica/McMurdo", "ix_cities_timezone_name_id"),
        ("?isActive=false", "hx_cities_inactive"),
    ],
)
def test_a_query_uses_its_index(plans: Plans, path: str, index: str) -> None:
    explained = plans(path)
    assert explained
    for plan in explained:
        assert "Seq Scan" not in plan, plan
    assert index in explained[0], explained[0]


def test_nearest_cities_are_read_in_order_from_the_index(plans: Plans) -> None:
    [plan] = plans(f"/nearby?{POINT}&radiusKm=20038")
    assert re.search(r"Index Scan using hx_cities_pos on cities.*\n\s+Order By: \(pos <-> ", plan), plan


def test_typos_and_similar_names_use_an_index(plans: Plans) -> None:
    explained = plans("/search?q=constantinoplis xq")
    prefix, regions, typo, similar = explained
    assert "ix_place_names_name" in regions
    assert "hx_city_names_" in prefix
    assert "hx_city_names_" in typo
    assert "hx_city_names_typo" in similar
    assert not any("Seq Scan" in plan for plan in explained)


@pytest.mark.parametrize("q", ["paris, texas", "portland me", "munich, bavaria, germany", "сидней, австралия"])
def test_regions_use_an_index(plans: Plans, q: str) -> None:
    assert not any("Seq Scan" in plan for plan in plans(f"/search?q={q}"))
