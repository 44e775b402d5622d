"""Create the table of replays: past events that a subscriber or an endpoint gets again."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

TABLE = "event_replays"
IS_OPEN = sa.text("status = 'PENDING'")


def _time(name: str, **options: object) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), **options)


def _now(name: str) -> sa.Column:
    return _time(name, nullable=False, server_default=sa.func.now())


def _number(name: str, default: str | None = "0") -> sa.Column:
    return sa.Column(name, sa.Integer(), nullable=default is None, server_default=default)


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Uuid(), primary_key=True),
        _now("created_at"),
        _now("updated_at"),
        _number("version", "1"),
        _number("attempts"),
        _now("next_attempt_at"),
        _now("hinted_until"),
        _time("locked_until"),
        sa.Column("subscriber", sa.Text()),
        sa.Column("integration_id", sa.Uuid()),
        sa.Column("types", JSONB(), nullable=False),
        _time("start_at", nullable=False),
        _time("end_at", nullable=False),
        sa.Column("status", sa.Text(), nullable=False, server_default="PENDING"),
        _time("cancel_requested_at"),
        sa.Column("error", sa.Text()),
        sa.Column("requested_by", sa.Uuid()),
        _number("total", None),
        *map(_number, ("replayed", "skipped", "handled", "failed")),
        sa.Column("in_flight", JSONB(), nullable=False, server_default=sa.text("'[]'")),
        _time("handed_over_at"),
        _time("scanned_at"),
        sa.Column("scanned_id", sa.Uuid()),
        sa.Column("is_scanned", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        _time("started_at"),
        _time("finished_at"),
        sa.CheckConstraint("status IN ('PENDING', 'SUCCEEDED', 'FAILED', 'CANCELLED')", name="status"),
        sa.CheckConstraint("(subscriber IS NULL) <> (integration_id IS NULL)", name="target"),
    )
    op.create_index("ix_event_replays_due", TABLE, ["next_attempt_at"], postgresql_where=IS_OPEN)
    op.create_index("ix_event_replays_created_at", TABLE, ["created_at", "id"])
    op.create_index("uq_event_replays_subscriber", TABLE, ["subscriber"], unique=True, postgresql_where=IS_OPEN)
    op.create_index("uq_event_replays_integration", TABLE, ["integration_id"], unique=True, postgresql_where=IS_OPEN)


def downgrade() -> None:
    op.drop_table(TABLE)
