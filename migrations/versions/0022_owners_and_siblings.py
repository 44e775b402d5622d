"""Keep whether the owner of an address has proved an account, and several valid refresh tokens of one session.

The new columns have constant defaults, so no table is rewritten. Instances of the previous version keep working: what
they write is a session without siblings.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("owner_proved", sa.Boolean))
    op.add_column("sessions", sa.Column("siblings", sa.Integer, nullable=False, server_default="0"))
    op.add_column("sessions", sa.Column("parent_distance", sa.Integer, nullable=False, server_default="1"))


def downgrade() -> None:
    op.drop_column("sessions", "parent_distance")
    op.drop_column("sessions", "siblings")
    op.drop_column("users", "owner_proved")
