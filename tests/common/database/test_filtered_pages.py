"""A page of a filtered list reads a bounded number of rows, and following its cursors finds every match."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from heidi_common.database import pagination
from heidi_common.database.session import db
from heidi_common.identity.models import Role
from tests.explained import explained

OPERATIONS = "/api/v1/core/operations"
FILL = """
INSERT INTO operations (id, type, status, input, steps, created_at)
SELECT gen_random_uuid(), 'broadcast', CASE WHEN n = ANY (CAST(:failed AS int[])) THEN 'FAILED' ELSE 'SUCCEEDED' END,
       '{}', '[]', timestamptz '2026-11-20 12:00Z' - n * interval '1 s'
FROM generate_series(1, :count) n
"""


@pytest.fixture
def fill(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Add operations, of which number 1 is the newest; a page reads at most ten of them."""
    monkeypatch.setattr(pagination, "SCANNED_ROWS", 10)

    def add(count: int, *, failed: list[int]) -> None:
        db.session.execute(text(FILL), {"count": count, "failed": failed})
        db.session.commit()

    return add


def pages(client: FlaskClient, headers: dict[str, str], query: str) -> list[list[Any]]:
    """Follow the cursors; returns the items of each page."""
    items, cursor = [], ""
    while True:
        body = client.get(f"{OPERATIONS}?{query}{cursor}", headers=headers).get_json()
        items.append([item["id"] for item in body["data"]])
        assert body["meta"]["hasMore"] == (body["meta"]["nextCursor"] is not None)
        if not body["meta"]["hasMore"]:
            return items
        cursor = f"&cursor={body['meta']['nextCursor']}"


@pytest.mark.parametrize(
    ("count", "failed", "sizes"),
    [
        (25, [3, 4, 24], [2, 0, 1]),  # short pages, and an empty one, between the matches
        (25, [], [0, 0, 0]),
        (10, [10], [1, 0]),  # the last row read is the last row of the list
        (9, [9], [1]),
        (0, [], [0]),
        (25, [1, 2, 3, 4, 5], [3, 2, 0, 0]),  # a full page ends at its last item
    ],
)
def test_every_match_is_found_once(
    client: FlaskClient,
    as_user: Callable[..., Any],
    fill: Callable[..., None],
    count: int,
    failed: list[int],
    sizes: list[int],
) -> None:
    fill(count, failed=failed)
    listed = pages(client, as_user(Role.ADMIN).headers, "status=FAILED&limit=3")
    expected = db.session.execute(text("SELECT id FROM operations WHERE status = 'FAILED' ORDER BY created_at DESC"))
    assert [len(page) for page in listed] == sizes
    assert [id for page in listed for id in page] == [str(id) for id in expected.scalars()]


def test_the_total_of_a_filtered_list_counts_the_matches(
    client: FlaskClient, as_user: Callable[..., Any], fill: Callable[..., None]
) -> None:
    fill(25, failed=[1, 24])
    response = client.get(f"{OPERATIONS}?status=FAILED&total=true", headers=as_user(Role.ADMIN).headers)
    assert response.get_json()["meta"]["total"] == 2


def test_the_filter_is_applied_to_the_rows_that_were_read_in_order(
    client: FlaskClient, as_user: Callable[..., Any], fill: Callable[..., None]
) -> None:
    fill(5000, failed=[])
    db.session.execute(text("ANALYZE operations"))
    db.session.commit()
    headers = as_user(Role.ADMIN).headers
    matching, last_scanned = explained(lambda: client.get(f"{OPERATIONS}?status=FAILED", headers=headers), "operations")
    for plan in (matching, last_scanned):
        assert "ix_operations_created_at" in plan and "Sort" not in plan and "Seq Scan" not in plan, plan
