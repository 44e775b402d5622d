"""Refuse TRUNCATE of the audit trail, as UPDATE and DELETE are refused."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TRIGGER audit_refuse_truncate BEFORE TRUNCATE ON audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER audit_refuse_truncate ON audit")
