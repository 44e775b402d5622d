"""Let users have an avatar: one of their files."""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("avatar_file_id", sa.Uuid()))


def downgrade() -> None:
    op.drop_column("users", "avatar_file_id")
