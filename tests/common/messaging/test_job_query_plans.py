"""A claim costs the same however many rows are open, also if the table was last analyzed while none were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from heidi_common.database.session import db
from heidi_common.database.transactions import reading
from heidi_common.messaging import inbox_statements, jobs
from heidi_services.notification.service.delivery import claim
from heidi_services.scheduler.models import ScheduleRun
from heidi_services.scheduler.service.runs import run_claim
from tests.sql_recorder import Sent, recorded_statements

SOME_ID = UUID(int=1)
MANY_IDS = [UUID(int=number) for number in range(100)]
FILL = {
    "inbox": "INSERT INTO inbox (event_id, consumer, status) SELECT gen_random_uuid(), 'x', :status",
    "notifications": "INSERT INTO notifications (id, user_id, type, channel, category, status)"
    " SELECT gen_random_uuid(), gen_random_uuid(), 'INFO', 'EMAIL', 'general', :status",
    "schedule_runs": "INSERT INTO schedule_runs (id, schedule_id, scheduled_for, trigger, status)"
    " SELECT gen_random_uuid(), id, now() + n * interval '1 s', 'CRON', :status FROM schedules,",
}
SCHEDULE = """
INSERT INTO schedules (id, name, cron_expression, timezone, action, payload, misfire_policy, misfire_window_seconds,
                       overlap_policy, max_attempts, timeout_seconds, jitter_seconds, created_by)
VALUES (gen_random_uuid(), 'x', '* * * * *', 'UTC', 'event.emit', '{}', 'LATEST', 60,
        'SKIP', 1, 60, 0, gen_random_uuid())
"""
Claim = Callable[[], object]
CLAIMS: dict[str, tuple[str, str, Claim]] = {
    "inbox": ("done", "pending", lambda: inbox_statements.claim_one("x", SOME_ID)),
    "inbox, many": ("done", "pending", lambda: inbox_statements.claim_new("x", MANY_IDS)),
    "notifications": ("SENT", "PENDING", lambda: claim.claim(SOME_ID)),
    "schedule_runs": (
        "SUCCEEDED",
        "QUEUED",
        lambda: jobs.claim(ScheduleRun, SOME_ID, open_status="QUEUED", lease_seconds=1),
    ),
    "schedule_runs, many": (
        "SUCCEEDED",
        "QUEUED",
        lambda: run_claim.claim_runs([SOME_ID] * 100, ["event.emit"], in_batch=True),
    ),
}


@pytest.fixture
def sent(app: Flask) -> Iterator[Sent]:
    with recorded_statements() as statements:
        yield statements


def fill(table: str, status: str, first: int, last: int) -> None:
    insert = FILL[table] if FILL[table].endswith(",") else f"{FILL[table]} FROM"
    db.session.execute(text(f"{insert} generate_series({first}, {last}) AS n"), {"status": status})


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_uses_the_primary_key(name: str, sent: Sent) -> None:
    table = name.partition(",")[0]
    done, waiting, claim_row = CLAIMS[name]
    db.session.execute(text(SCHEDULE))
    fill(table, done, 1, 5000)
    db.session.execute(text(f"ANALYZE {table}"))
    fill(table, waiting, 5001, 7000)
    db.session.commit()
    sent.clear()
    claim_row()
    statement, values = next((s, v) for s, v in sent if f"UPDATE {table}" in s)
    with reading() as connection:
        for part in statement.split(";"):
            plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {part}", values).scalars())
            if "One-Time Filter: false" not in plan:  # this part does nothing for a batch
                assert f"pk_{table}" in plan and "_due" not in plan, plan
