"""Create the tables of monitors: jobs that run elsewhere and report by pings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

STATUS = "('NEW','UP','LATE','DOWN','PAUSED')"


def _time(name: str, **options: object) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), **options)


def upgrade() -> None:
    _monitors()
    _pings()
    _changes()


def _monitors() -> None:
    op.create_table(
        "monitors",
        sa.Column("id", sa.Uuid(), primary_key=True),
        _time("created_at", nullable=False, server_default=sa.func.now()),
        _time("updated_at", nullable=False, server_default=sa.func.now()),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("every", sa.Text()),
        sa.Column("cron_expression", sa.Text()),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("grace_seconds", sa.Integer(), nullable=False),
        sa.Column("ping_key", sa.Uuid(), nullable=False, unique=True),
        sa.Column("badge_key", sa.Uuid(), nullable=False, unique=True),
        sa.Column("recipients", JSONB(), nullable=False),
        sa.Column("manual_resume", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("status", sa.Text(), nullable=False),
        _time("status_changed_at", nullable=False),
        _time("last_ping_at"),
        sa.Column("last_ping_kind", sa.Text()),
        _time("started_at"),
        sa.Column("started_run", sa.Uuid()),
        sa.Column("last_duration_ms", sa.BigInteger()),
        _time("expected_at"),
        _time("due_at"),
        sa.Column("ping_count", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.CheckConstraint(f"status IN {STATUS}", name="status"),
        sa.CheckConstraint("(every IS NULL) <> (cron_expression IS NULL)", name="times"),
    )
    op.create_index("ix_monitors_due", "monitors", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_index("ix_monitors_created_at_id", "monitors", ["created_at", "id"])
    op.create_index("ix_monitors_status", "monitors", ["status"])


def _pings() -> None:
    op.create_table(
        "monitor_pings",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("monitor_id", sa.Uuid(), sa.ForeignKey("monitors.id", ondelete="CASCADE"), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        _time("received_at", nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("exit_status", sa.Integer()),
        sa.Column("run", sa.Uuid()),
        sa.Column("duration_ms", sa.BigInteger()),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text()),
        sa.Column("body", sa.Text()),
        sa.Column("is_truncated", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.UniqueConstraint("monitor_id", "number"),
    )
    op.create_index("ix_monitor_pings_received_at", "monitor_pings", ["received_at"])


def _changes() -> None:
    op.create_table(
        "monitor_changes",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("monitor_id", sa.Uuid(), sa.ForeignKey("monitors.id", ondelete="CASCADE"), nullable=False),
        _time("changed_at", nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("previous_status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_index("ix_monitor_changes_monitor_id_changed_at", "monitor_changes", ["monitor_id", "changed_at"])
    op.create_index("ix_monitor_changes_changed_at", "monitor_changes", ["changed_at"])


def downgrade() -> None:
    for table in ("monitor_changes", "monitor_pings", "monitors"):
        op.drop_table(table)
