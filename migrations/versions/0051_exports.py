"""Create the table of exports that are delivered as a file."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def _time(name: str, **options: object) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), **options)


def upgrade() -> None:
    op.create_table(
        "exports",
        sa.Column("id", sa.Uuid(), primary_key=True),
        _time("created_at", nullable=False, server_default=sa.func.now()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, server_default="PENDING"),
        sa.Column("options", JSONB(), nullable=False),
        sa.Column("rows", sa.Integer()),
        sa.Column("processed", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("sealed", sa.Text()),
        _time("started_at"),
        _time("finished_at"),
        _time("expires_at"),
        sa.Column("error", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        _time("next_attempt_at", nullable=False, server_default=sa.func.now()),
        _time("hinted_until", nullable=False, server_default=sa.func.now()),
        _time("locked_until"),
        sa.CheckConstraint("status IN ('PENDING','SUCCEEDED','FAILED','CANCELLED')", name="status"),
    )
    _indexes()


def _indexes() -> None:
    op.create_index("ix_exports_kind_created_at_id", "exports", ["kind", "created_at", "id"])
    op.create_index("ix_exports_requested_by_created_at_id", "exports", ["requested_by", "created_at", "id"])
    op.create_index("ix_exports_due", "exports", ["next_attempt_at"], postgresql_where=sa.text("status = 'PENDING'"))
    op.create_index("ix_exports_expires_at", "exports", ["expires_at"])


def downgrade() -> None:
    op.drop_table("exports")
