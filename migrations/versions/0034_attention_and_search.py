"""Index what needs attention (failing schedules and endpoints), and search schedules and integrations by name.

The indexes are created without locking the tables. If the migration is interrupted, it can be repeated.
"""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_schedules_failing": "schedules (last_run) WHERE last_run_status IN ('FAILED', 'TIMED_OUT')",
    "ix_integrations_failing": "integrations (failing_since) WHERE failing_since IS NOT NULL",
    "ix_integrations_disabled": "integrations (updated_at) WHERE disabled_reason IS NOT NULL",
    "hx_schedules_search": "schedules USING gin (sort_name gin_trgm_ops)",
    "hx_integrations_search": "integrations USING gin (plain_letters(name) gin_trgm_ops)",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # an interrupted attempt leaves an invalid index
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
