"""Create the tables of schedules and their runs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _schedules()
    _runs()


def downgrade() -> None:
    op.drop_table("schedule_runs")
    op.drop_table("schedules")


def _moment(name: str, *, now: bool = False) -> sa.Column:
    default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=not now)


def _entity() -> tuple[sa.Column, ...]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        _moment("created_at", now=True),
        _moment("updated_at", now=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
    )


def _schedules() -> None:
    op.create_table(
        "schedules",
        *_entity(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("cron_expression", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        _moment("start_at"),
        _moment("end_at"),
        sa.Column("misfire_policy", sa.Text(), nullable=False),
        sa.Column("misfire_window_seconds", sa.Integer(), nullable=False),
        sa.Column("overlap_policy", sa.Text(), nullable=False),
        sa.Column("on_failure", postgresql.JSONB()),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("timeout_seconds", sa.Integer(), nullable=False),
        sa.Column("jitter_seconds", sa.Integer(), nullable=False),
        _moment("last_run"),
        sa.Column("last_run_status", sa.Text()),
        _moment("next_run"),
        sa.Column("run_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_schedules"),
    )
    op.create_index("ix_schedules_next_run", "schedules", ["next_run"], postgresql_where=sa.text("is_enabled"))
    op.create_index("ix_schedules_created_at_id", "schedules", ["created_at", "id"])
    op.create_index("ix_schedules_name_id", "schedules", ["name", "id"])


def _runs() -> None:
    op.create_table(
        "schedule_runs",
        *_entity(),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        _moment("next_attempt_at", now=True),
        _moment("hinted_until", now=True),
        _moment("locked_until"),
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        _moment("started_at"),
        _moment("finished_at"),
        sa.Column("result", postgresql.JSONB()),
        sa.Column("error", sa.Text()),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["schedules.id"], name="fk_schedule_runs_schedule_id_schedules", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_schedule_runs"),
        sa.UniqueConstraint("schedule_id", "scheduled_for", name="uq_schedule_runs_schedule_id"),
    )
    for name, column, condition in (
        ("due", "next_attempt_at", "status = 'QUEUED'"),
        ("running", "locked_until", "status = 'RUNNING'"),
        ("open", "schedule_id", "status IN ('QUEUED', 'RUNNING')"),
        ("finished_at", "finished_at", "finished_at IS NOT NULL"),
    ):
        op.create_index(f"ix_schedule_runs_{name}", "schedule_runs", [column], postgresql_where=sa.text(condition))
