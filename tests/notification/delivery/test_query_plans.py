"""A user's lists and the retention use indexes that do not read the notifications of other users."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from heidi_common.database.session import db
from heidi_common.database.totals import EXACT_UP_TO
from heidi_services.notification.service import queries, retention
from heidi_services.notification.service.all_notifications import list_all
from tests.explained import explained

USER = UUID(int=1)
PAGING = {"limit": 20, "cursor": None, "total": False}
FILL = """
INSERT INTO notifications (id, user_id, type, channel, category, status, created_at, sent_at)
SELECT gen_random_uuid(), CASE WHEN n % 10 = 0 THEN CAST(:user AS uuid) ELSE gen_random_uuid() END, 'INFO', 'IN_APP',
       'general', CASE WHEN n % 20 = 0 THEN 'SENT' ELSE 'READ' END, now() - n * interval '1 minute', now()
FROM generate_series(1, :count) n
"""


def fill(count: int) -> None:
    db.session.execute(text(FILL), {"user": USER, "count": count})
    db.session.commit()
    db.session.execute(text("ANALYZE notifications"))
    db.session.commit()


@pytest.fixture
def notifications(app: Flask) -> Iterator[None]:
    fill(20_000)
    yield


def plan_of(call: Callable[[], object]) -> str:
    [plan] = explained(call, "notifications")
    return plan


@pytest.mark.parametrize(
    ("unread", "index"),
    [(False, "ix_notifications_user_newest"), (True, "ix_notifications_unread_newest")],
)
@pytest.mark.parametrize("include_hidden", [False, True])
def test_a_list_is_read_in_the_order_of_its_index(
    notifications: None, unread: bool, index: str, include_hidden: bool
) -> None:
    plan = plan_of(
        lambda: queries.list_notifications(USER, {"unread": unread}, include_hidden=include_hidden, **PAGING)
    )
    assert index in plan and "Sort" not in plan, plan


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({}, "pk_notifications"),
        ({"status": "FAILED"}, "ix_notifications_failed_id"),
        ({"status": "PENDING"}, "ix_notifications_pending_id"),
        ({"template": "rare"}, "ix_notifications_template"),
        ({"batch_id": USER}, "ix_notifications_batch"),
        ({"batch_id": USER, "status": "FAILED"}, "ix_notifications_"),
        ({"channel": "SMS", "status": "READ"}, "pk_notifications"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value,
)
def test_the_list_of_all_is_read_in_the_order_of_an_index(
    notifications: None, query: dict[str, Any], index: str
) -> None:
    for plan in explained(lambda: list_all(query, **PAGING), "notifications"):
        assert index in plan and "Sort" not in plan, plan


def test_a_list_since_a_time_reads_only_later_rows(notifications: None) -> None:
    since = datetime.now(UTC) - timedelta(minutes=10)
    [plan, *_] = explained(lambda: list_all({"since": since}, **PAGING), "notifications")
    assert "hx_notifications_age" in plan, plan


def test_the_unread_count_reads_one_index(notifications: None) -> None:
    assert "ix_notifications_unread_newest" in plan_of(lambda: queries.unread_count(USER))
    total = queries.unread_count(USER)
    assert (total.count, total.is_estimate) == (1000, False)


def test_the_unread_count_is_an_estimate_above_the_limit(app: Flask) -> None:
    db.session.execute(
        text(FILL.replace("n % 10 = 0", "true").replace("n % 20 = 0", "true")),
        {
            "user": USER,
            "count": EXACT_UP_TO + 2000,
        },
    )
    db.session.commit()
    db.session.execute(text("ANALYZE notifications"))
    total = queries.unread_count(USER)
    assert total.is_estimate and EXACT_UP_TO < total.count < EXACT_UP_TO + 3000


def test_retention_reads_only_expired_rows(notifications: None) -> None:
    plan = plan_of(retention.delete_expired)
    assert "hx_notifications_age" in plan and "Seq Scan" not in plan, plan
