"""One-off schedules, intervals, excluded dates, tags, and several recipients of alerts."""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

COLUMNS = (
    "kind text NOT NULL DEFAULT 'CRON'",
    "at timestamptz",
    "every text",
    "anchor_at timestamptz",
    "excluded_dates jsonb NOT NULL DEFAULT '[]'",
    "holiday_calendars jsonb NOT NULL DEFAULT '[]'",
    "tags jsonb NOT NULL DEFAULT '[]'",
    "alert_recipients jsonb NOT NULL DEFAULT '[]'",
    "notify_on_recovery boolean NOT NULL DEFAULT false",
)


def upgrade() -> None:
    for column in COLUMNS:
        op.execute(f"ALTER TABLE schedules ADD COLUMN {column}")


def downgrade() -> None:
    for column in COLUMNS:
        op.drop_column("schedules", column.split()[0])
