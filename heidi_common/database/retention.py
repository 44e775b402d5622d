"""Deletion of rows that are past their retention period, in parts that delay nothing else."""

from __future__ import annotations

import time
from typing import Any, cast

from sqlalchemy import CursorResult, column, delete, func, select

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction

BATCH = 5000
"""Rows of one transaction, which takes 20 to 50 ms: locks and the transaction's snapshot are held as briefly. With
1000, each row costs three times as much on a busy machine, where each statement waits for its turn."""
MAX_SECONDS = 0.1
"""After this time, the caller continues later. The clock also fires schedules, which must not wait longer."""


def delete_in_batches(model: Any, age: Any, before: Any, *conditions: Any, batch: int = BATCH) -> bool:
    """Delete rows in several transactions, until none is left or MAX_SECONDS have passed.

    Rows are addressed by their place in the table (`ctid`). The conditions are checked again when the row is locked,
    so that a row which another transaction has changed in between is kept.

    Args:
        model: The mapped class.
        age: The time that decides, which must have an index. The oldest rows are deleted first: with this order, the
            planner uses the index even if its statistics are from before earlier deletions.
        before: Rows whose `age` is before this time are deleted.
        conditions: What must also be true of the rows.
        batch: The number of rows of one transaction.

    Returns:
        Whether rows are left.
    """
    ctid: Any = column("ctid")
    oldest = select(ctid).select_from(model).where(age < before, *conditions).order_by(age).limit(batch)
    places = func.array(oldest.correlate(None).scalar_subquery())
    statement = delete(model).where(ctid == func.any(places), age < before, *conditions)
    end = time.monotonic() + MAX_SECONDS
    while True:
        with transaction():
            result = db.session.execute(statement.execution_options(synchronize_session=False))
        if cast(CursorResult[Any], result).rowcount < batch:
            return False
        if time.monotonic() > end:
            return True
