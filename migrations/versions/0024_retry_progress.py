"""Store what the earlier attempts of a delivery have achieved."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notifications", sa.Column("retry_progress", JSONB))


def downgrade() -> None:
    op.drop_column("notifications", "retry_progress")
