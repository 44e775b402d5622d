"""Every hot question walks an index: the plans of the statements that are really sent, on the real cities."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from heidi_common.database.transactions import reading
from tests.sql_recorder import noted

Plans = Callable[[str], list[str]]


@pytest.fixture
def plans(world: FlaskClient) -> Plans:
    """The plans of what a GET sends to the database."""

    def explain(path: str) -> list[str]:
        with noted() as sent:
            assert world.get(f"/api/v1/cities{path}").status_code == 200
        with reading() as connection:
            return [
                "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", values).scalars())
                for statement, values in sent
            ]

    return explain


# Of a prefix, the statistics of the day decide between the btree (`_prefix`) and the trigrams (`_typo`): both serve it.
POINT = "latitude=48.1&longitude=11.5"


@pytest.mark.parametrize(
    ("path", "index"),
    [
        (f"/nearby?{POINT}", "hx_cities_pos"),
        (f"/nearby?{POINT}&radiusKm=20038&limit=100", "hx_cities_pos"),
        (f"/nearby?{POINT}&minPopulation=20000", "hx_cities_pos"),
        (f"/nearby?{POINT}&country=DE", "hx_cities_country_pos"),
        (f"/nearby?{POINT}&country=TV&radiusKm=20038", "hx_cities_country_"),
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
def test_an_index_answers(plans: Plans, path: str, index: str) -> None:
    found = plans(path)
    assert found
    for plan in found:
        assert "Seq Scan" not in plan, plan
    assert index in found[0], found[0]


def test_the_nearest_are_walked_in_order_not_sorted(plans: Plans) -> None:
    [plan] = plans(f"/nearby?{POINT}&radiusKm=20038")
    assert re.search(r"Index Scan using hx_cities_pos on cities.*\n\s+Order By: \(pos <-> ", plan), plan


def test_slips_and_look_alikes_are_found_by_index(plans: Plans) -> None:
    prefix, slip, alike = plans("/search?q=constantinoplis ad")
    assert "hx_city_names_" in prefix
    assert "hx_city_names_" in slip
    assert "hx_city_names_typo" in alike
    assert not any("Seq Scan" in plan for plan in (prefix, slip, alike))
