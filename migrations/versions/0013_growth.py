"""Replace indexes so that the cost of lists, retention and searches does not grow with the tables.

The indexes are created without locking the tables. If the migration is interrupted, it can be repeated.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UNREAD = "channel = 'IN_APP' AND status IN ('SENT', 'DELIVERED') AND hidden_at IS NULL"
NEW = {
    "ix_notifications_unread_newest": f"notifications (user_id, created_at, id) WHERE {UNREAD}",
    "hx_notifications_age": "notifications (timezone('UTC', created_at))",
    "hx_sessions_end": "sessions (least(revoked_at, absolute_expires_at))",
    "hx_cities_town_pos": "cities USING gist (pos) WHERE is_active AND population >= 30000",
}
OLD = {
    "ix_notifications_unread": f"notifications (user_id) WHERE {UNREAD}",
    "ix_notifications_created_at": "notifications (created_at)",
}


def upgrade() -> None:
    _replace(OLD, NEW)


def downgrade() -> None:
    _replace(NEW, OLD)


def _replace(old: dict[str, str], new: dict[str, str]) -> None:
    with op.get_context().autocommit_block():
        for name, definition in new.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # an interrupted attempt leaves an invalid index
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")
        for table in ("notifications", "sessions"):
            op.execute(f"ANALYZE {table}")  # the planner knows nothing about the values of a new expression
        for name in old:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
