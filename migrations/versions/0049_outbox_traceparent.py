"""Events carry the trace in which they were emitted."""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("traceparent", sa.Text()))


def downgrade() -> None:
    op.drop_column("outbox", "traceparent")
