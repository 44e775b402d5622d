"""Create the tables of imports that are requested by HTTP."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def _time(name: str, **options: object) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), **options)


def _import_key(**options: object) -> sa.Column:
    return sa.Column("import_id", sa.Uuid(), sa.ForeignKey("imports.id", ondelete="CASCADE"), **options)


def upgrade() -> None:
    _imports()
    op.create_table(
        "import_contents",
        _import_key(primary_key=True),
        sa.Column("sealed", sa.Text(), nullable=False),
    )
    _lines()


def _imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid(), primary_key=True),
        _time("created_at", nullable=False, server_default=sa.func.now()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, server_default="PENDING"),
        sa.Column("options", JSONB(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("processed", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("counts", JSONB(), nullable=False, server_default=sa.text("'{}'")),
        _time("started_at"),
        _time("finished_at"),
        sa.Column("error", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        _time("next_attempt_at", nullable=False, server_default=sa.func.now()),
        _time("hinted_until", nullable=False, server_default=sa.func.now()),
        _time("locked_until"),
        sa.CheckConstraint("status IN ('PENDING','SUCCEEDED','FAILED','CANCELLED')", name="status"),
    )
    op.create_index("ix_imports_kind_created_at_id", "imports", ["kind", "created_at", "id"])
    op.create_index("ix_imports_due", "imports", ["next_attempt_at"], postgresql_where=sa.text("status = 'PENDING'"))
    op.create_index("ix_imports_created_at", "imports", ["created_at"])


def _lines() -> None:
    op.create_table(
        "import_lines",
        _import_key(primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Uuid()),
        sa.Column("detail", sa.Text()),
    )
    refused, with_target = sa.text("outcome = 'REFUSED'"), sa.text("target_id IS NOT NULL")
    op.create_index("ix_import_lines_refused", "import_lines", ["import_id", "number"], postgresql_where=refused)
    op.create_index("ix_import_lines_target_id", "import_lines", ["target_id"], postgresql_where=with_target)


def downgrade() -> None:
    for table in ("import_lines", "import_contents", "imports"):
        op.drop_table(table)
