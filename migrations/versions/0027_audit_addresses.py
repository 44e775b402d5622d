"""Keep the addresses behind the fingerprints of the audit trail, encrypted, outside the chain of hashes."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_addresses",
        sa.Column("fingerprint", sa.Text, primary_key=True),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("user_id", sa.Uuid),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_audit_addresses_recorded_at", "audit_addresses", ["recorded_at"])
    op.create_index("ix_audit_addresses_user_id", "audit_addresses", ["user_id"])


def downgrade() -> None:
    op.drop_table("audit_addresses")
