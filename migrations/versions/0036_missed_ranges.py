"""Store missed slots as ranges, mark runs that repeat past slots, and store the states of clock processes."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("schedule_runs", sa.Column("missed_from", sa.DateTime(timezone=True)))
    op.add_column("schedule_runs", sa.Column("missed_slots", sa.Integer))
    op.add_column("schedule_runs", sa.Column("is_replay", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.create_table(
        "clock_states",
        sa.Column("host", sa.Text, primary_key=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offset_seconds", sa.Float, nullable=False),
        sa.Column("held_reason", sa.Text),
        sa.Column("compared_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("clock_states")
    for name in ("is_replay", "missed_slots", "missed_from"):
        op.drop_column("schedule_runs", name)
