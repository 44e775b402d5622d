"""The index of a user's notifications contains the columns that decide whether they are shown, so that counting them
does not read the rows.

The index is created without locking the table. If the migration is interrupted, it can be repeated.
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

OLD, OLD_DEFINITION = "ix_notifications_user_id_created_at_id", "(user_id, created_at, id)"
NEW, NEW_DEFINITION = "ix_notifications_user_newest", f"{OLD_DEFINITION} INCLUDE (channel, sent_at, hidden_at)"


def upgrade() -> None:
    _replace(OLD, NEW, NEW_DEFINITION)


def downgrade() -> None:
    _replace(NEW, OLD, OLD_DEFINITION)


def _replace(old: str, new: str, definition: str) -> None:
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {new}")  # an interrupted attempt leaves an invalid index
        op.execute(f"CREATE INDEX CONCURRENTLY {new} ON notifications {definition}")
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {old}")
