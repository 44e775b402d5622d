"""Add indexes by age, for the deletion of old received webhooks and finished synchronizations."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_webhook_events_created_at", "webhook_events", ["created_at"])
    ended = sa.text("finished_at IS NOT NULL")
    op.create_index("ix_syncs_finished_at", "syncs", ["finished_at"], postgresql_where=ended)


def downgrade() -> None:
    op.drop_index("ix_syncs_finished_at", table_name="syncs")
    op.drop_index("ix_webhook_events_created_at", table_name="webhook_events")
