"""Index the lists of all notifications and deliveries: batches, templates, and statuses that may be rare.

The indexes are created without locking the tables. If the migration is interrupted, it can be repeated.
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_notifications_batch_status": "notifications (batch_id, status, id) WHERE batch_id IS NOT NULL",
    "ix_notifications_batch": "notifications (batch_id, id) WHERE batch_id IS NOT NULL",
    "ix_notifications_template": "notifications (template, id) WHERE template IS NOT NULL",
    "ix_notifications_failed_id": "notifications (id) WHERE status = 'FAILED'",
    "ix_notifications_pending_id": "notifications (id) WHERE status = 'PENDING'",
    "ix_deliveries_failed_id": "deliveries (id) WHERE status = 'FAILED'",
    "ix_deliveries_pending_id": "deliveries (id) WHERE status = 'PENDING'",
    "ix_deliveries_failures": "deliveries (updated_at) WHERE status = 'FAILED'",
    "ix_deliveries_own_failures": "deliveries (integration_id, updated_at) WHERE status = 'FAILED'",
}
REPLACED = {"ix_notifications_batch_id_status": "notifications (batch_id, status) WHERE batch_id IS NOT NULL"}


def upgrade() -> None:
    _create(INDEXES)
    _drop(REPLACED)


def downgrade() -> None:
    _create(REPLACED)
    _drop(INDEXES)


def _create(indexes: dict[str, str]) -> None:
    with op.get_context().autocommit_block():
        for name, definition in indexes.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # an interrupted attempt leaves an invalid index
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")


def _drop(indexes: dict[str, str]) -> None:
    with op.get_context().autocommit_block():
        for name in indexes:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
