"""Let the heartbeats of workers say how busy their threads are."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("heartbeats", sa.Column("threads", sa.Integer()))
    op.add_column("heartbeats", sa.Column("busy", JSONB()))
    op.add_column("heartbeats", sa.Column("saturated_seconds", sa.Float()))


def downgrade() -> None:
    for name in ("saturated_seconds", "busy", "threads"):
        op.drop_column("heartbeats", name)
