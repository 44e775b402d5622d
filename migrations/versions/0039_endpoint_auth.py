"""Store how the platform authenticates at an endpoint behind a gateway: encrypted, and what may be shown of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("integrations", sa.Column("endpoint_auth", sa.Text))
    op.add_column("integrations", sa.Column("endpoint_auth_info", JSONB))


def downgrade() -> None:
    op.drop_column("integrations", "endpoint_auth_info")
    op.drop_column("integrations", "endpoint_auth")
