"""Bulk messages are released by channel: the next one of a channel is found without reading those of the others.

The index is created without locking the table. If the migration is interrupted, it can be repeated.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

OPEN = "WHERE status = 'PENDING' AND priority = 5"


def upgrade() -> None:
    _replace("ix_notifications_bulk", "ix_notifications_bulk_by_channel", f"(channel, next_attempt_at) {OPEN}")


def downgrade() -> None:
    _replace("ix_notifications_bulk_by_channel", "ix_notifications_bulk", f"(next_attempt_at) {OPEN}")


def _replace(old: str, new: str, definition: str) -> None:
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {new}")  # an interrupted attempt leaves an invalid index
        op.execute(f"CREATE INDEX CONCURRENTLY {new} ON notifications {definition}")
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {old}")
