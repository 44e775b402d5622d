"""Keep every signing secret that is still promised, and the time of an endpoint's last failure."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    older = sa.Column("older_signing_secrets", JSONB, nullable=False, server_default=sa.text("'[]'"))
    op.add_column("integrations", older)
    op.add_column("integrations", sa.Column("last_failed_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("integrations", "last_failed_at")
    op.drop_column("integrations", "older_signing_secrets")
