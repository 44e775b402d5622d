"""Create the table of operations across services."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    now = sa.func.now()
    op.create_table(
        "operations",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, server_default="PENDING"),
        sa.Column("input", postgresql.JSONB(), nullable=False),
        sa.Column("sealed", sa.Text()),
        sa.Column("steps", postgresql.JSONB(), nullable=False),
        sa.Column("undoing", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("error", sa.Text()),
        sa.Column("requested_by", sa.Uuid()),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("hinted_until", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("locked_until", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "status IN ('PENDING', 'SUCCEEDED', 'FAILED', 'COMPENSATED')", name=op.f("ck_operations_status")
        ),
    )
    op.create_index(
        "ix_operations_due", "operations", ["next_attempt_at"], postgresql_where=sa.text("status = 'PENDING'")
    )
    op.create_index("ix_operations_created_at", "operations", ["created_at", "id"])


def downgrade() -> None:
    op.drop_table("operations")
