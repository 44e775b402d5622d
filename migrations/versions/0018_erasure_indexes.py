"""Add small indexes for the erasure of users: hashed suppressions, secrets beside events, errors of subscribers."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_notification_suppressions_hashed": "notification_suppressions (channel) WHERE left(address, 5) = 'hmac:'",
    "ix_outbox_secrets": "outbox (user_id) WHERE sealed IS NOT NULL",
    "ix_inbox_errors": "inbox (event_id) WHERE last_error IS NOT NULL",
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
