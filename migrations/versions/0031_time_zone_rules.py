"""Store what the clocks show at a schedule's next run, so that it can be computed again when time zone rules change."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("schedules", sa.Column("next_wall_clock", sa.DateTime(timezone=False)))
    op.add_column("schedules", sa.Column("rules_version", sa.Text))


def downgrade() -> None:
    op.drop_column("schedules", "rules_version")
    op.drop_column("schedules", "next_wall_clock")
