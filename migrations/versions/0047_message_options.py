"""Add the options of messages by channel, and the domains of senders."""

from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE notifications ADD COLUMN options jsonb")
    op.execute(
        "CREATE TABLE notification_sender_domains (domain text PRIMARY KEY, selector text NOT NULL,"
        " private_key text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), verified_at timestamptz)"
    )


def downgrade() -> None:
    op.execute("DROP TABLE notification_sender_domains")
    op.execute("ALTER TABLE notifications DROP COLUMN options")
