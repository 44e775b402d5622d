"""Overdue notifications are collected by priority: urgent ones are found without reading overdue bulk messages.

The index is created without locking the table. If the migration is interrupted, it can be repeated.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

OPEN = "WHERE status = 'PENDING'"


def upgrade() -> None:
    _replace("ix_notifications_due", "ix_notifications_hinted", f"(priority, hinted_until) {OPEN}")


def downgrade() -> None:
    _replace("ix_notifications_hinted", "ix_notifications_due", f"(hinted_until) {OPEN}")


def _replace(old: str, new: str, definition: str) -> None:
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {new}")  # an interrupted attempt leaves an invalid index
        op.execute(f"CREATE INDEX CONCURRENTLY {new} ON notifications {definition}")
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {old}")
