"""Schedules are sorted by name for people."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.scheduler.test_api import BASE, create


@pytest.mark.parametrize(
    "ordered",
    [["Abend", "Ärztebericht", "Berichte"], ["daily", "Évry", "Export", "zone"], ["Łódź", "öffnen", "Oslo", "Østfold"]],
)
def test_schedules_are_sorted_for_people(client: FlaskClient, admin: dict[str, str], ordered: list[str]) -> None:
    for name in reversed(ordered):
        create(client, admin, name=name)
    listed = client.get(f"{BASE}?sort=name", headers=admin).json["data"]
    assert [schedule["name"] for schedule in listed] == ordered
