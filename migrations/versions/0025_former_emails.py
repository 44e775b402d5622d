"""Mark the addresses that were stored by the former rules (NFKC, case-folded): their users still find their account.

The default of existing rows takes no time. It changes at once for new rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("has_former_email", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.alter_column("users", "has_former_email", server_default=sa.false())


def downgrade() -> None:
    op.drop_column("users", "has_former_email")
