"""Add an index of the IDs in stored responses: those that mention a user are blanked when the user is erased."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

UUIDS_IN = """
CREATE FUNCTION uuids_in(words text) RETURNS uuid[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT coalesce(array_agg(DISTINCT CAST(found[1] AS uuid)), '{}')
    FROM regexp_matches(words, '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}', 'g') AS found
)
"""


def upgrade() -> None:
    op.execute(UUIDS_IN)
    op.execute("CREATE INDEX hx_idempotency_keys_mentions ON idempotency_keys USING gin (uuids_in(body))")


def downgrade() -> None:
    op.drop_index("hx_idempotency_keys_mentions", table_name="idempotency_keys")
    op.execute("DROP FUNCTION uuids_in(text)")
