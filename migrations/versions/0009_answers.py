"""Add the request whose reply a run of a schedule waits for."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("schedule_runs", sa.Column("awaits", sa.Uuid()))


def downgrade() -> None:
    op.drop_column("schedule_runs", "awaits")
