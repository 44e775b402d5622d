"""Suppressions that expire and say why; the providers' texts about accepted messages."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notification_suppressions", sa.Column("detail", sa.Text()))
    op.add_column("notification_suppressions", sa.Column("expires_at", sa.DateTime(timezone=True)))
    op.add_column("notification_attempts", sa.Column("response", sa.Text()))


def downgrade() -> None:
    op.drop_column("notification_attempts", "response")
    op.drop_column("notification_suppressions", "expires_at")
    op.drop_column("notification_suppressions", "detail")
