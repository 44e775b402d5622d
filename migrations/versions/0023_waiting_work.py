"""Add heartbeats of background processes, and indexes for the gauges of waiting work.

The indexes are created without locking the tables. If the migration is interrupted, it can be repeated.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

INDEXES = {f"hx_{table}_due_at": table for table in ("notifications", "deliveries")}


def upgrade() -> None:
    op.execute(sa.text("DROP TABLE IF EXISTS heartbeats"))
    op.create_table(
        "heartbeats",
        sa.Column("role", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, primary_key=True),
        sa.Column("process_id", sa.Integer, primary_key=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
    )
    with op.get_context().autocommit_block():
        for name, table in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # an interrupted attempt leaves an invalid index
            due_at = "timezone('UTC', next_attempt_at)"
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {table} ({due_at}) WHERE status = 'PENDING'")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    op.drop_table("heartbeats")
