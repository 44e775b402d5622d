"""Add the counters that charts are drawn from: amounts, and their sums per minute and hour."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counter_deltas",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("metric", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "counter_totals",
        sa.Column("metric", sa.Text, primary_key=True),
        sa.Column("step", sa.SmallInteger, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("label", sa.Text, primary_key=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_counter_totals_step_at", "counter_totals", ["step", "at"])


def downgrade() -> None:
    op.drop_table("counter_totals")
    op.drop_table("counter_deltas")
