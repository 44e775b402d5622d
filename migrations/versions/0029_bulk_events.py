"""Mark events of bulk work and their inbox rows, so that urgent ones overtake them.

The indexes are created without locking the tables. If the migration is interrupted, it can be repeated.
"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_outbox_unsent_urgent": "outbox (id) WHERE sent_at IS NULL AND NOT is_bulk",
    "ix_outbox_unsent_bulk": "outbox (subject) WHERE sent_at IS NULL AND is_bulk",
    "ix_inbox_urgent": "inbox (next_attempt_at) WHERE status = 'pending' AND NOT is_bulk",
}


def upgrade() -> None:
    for table in ("outbox", "inbox"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS is_bulk boolean NOT NULL DEFAULT false")
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # an interrupted attempt leaves an invalid index
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")


def downgrade() -> None:
    for table in ("outbox", "inbox"):
        op.drop_column(table, "is_bulk")
