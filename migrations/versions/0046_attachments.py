"""Add attachments of e-mails, and their contents.

The index is created without locking the table. If the migration is interrupted, it can be repeated.
"""

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE IF NOT EXISTS notification_attached_contents"
        " (sha256 text PRIMARY KEY, content bytea NOT NULL, used_at timestamptz NOT NULL DEFAULT now())"
    )
    op.execute(
        "CREATE INDEX IF NOT EXISTS ix_notification_attached_contents_used_at"
        " ON notification_attached_contents (used_at)"
    )
    op.execute("ALTER TABLE notifications ADD COLUMN IF NOT EXISTS attachments jsonb")
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_notifications_attachments")
        op.execute(
            "CREATE INDEX CONCURRENTLY ix_notifications_attachments ON notifications"
            " USING gin (attachments jsonb_path_ops)"
            " WHERE attachments IS NOT NULL AND status IN ('PENDING', 'FAILED')"
        )


def downgrade() -> None:
    op.execute("DROP INDEX IF EXISTS ix_notifications_attachments")
    op.execute("ALTER TABLE notifications DROP COLUMN IF EXISTS attachments")
    op.execute("DROP TABLE IF EXISTS notification_attached_contents")
