"""Cancel and repeat runs, limit how many are executed at the same time, and list those of all schedules.

The index is created without locking the table. If the migration is interrupted, it can be repeated.
"""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

COLUMNS = {
    "schedules": (
        "concurrency_limit integer",
        "concurrency_key text",
        "concurrency_policy text NOT NULL DEFAULT 'QUEUE'",
    ),
    "schedule_runs": ("cancel_requested_at timestamptz", "reruns integer NOT NULL DEFAULT 0"),
}
INDEXES = {
    "ix_schedules_concurrency_key": "schedules (concurrency_key) WHERE concurrency_key IS NOT NULL",
    "ix_schedule_runs_scheduled_for_id": "schedule_runs (scheduled_for, id)",
}


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column}")
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # an interrupted attempt leaves an invalid index
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")


def downgrade() -> None:
    for table, columns in COLUMNS.items():
        for column in columns:
            op.drop_column(table, column.split()[0])
    op.execute("DROP INDEX IF EXISTS ix_schedule_runs_scheduled_for_id")
