"""Give core's machine client the scopes with which it runs operations: version 1.0 created it with one only."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OLD = "ARRAY['notifications:write']"
NEW = "ARRAY['integrations:read', 'integrations:write', 'notifications:write', 'users:read', 'users:write']"
CHANGE = """
WITH changed AS (
    UPDATE clients SET scopes = {after}, updated_at = now(), version = version + 1
    WHERE name = 'core' AND scopes = {before} AND revoked_at IS NULL
    RETURNING id, scopes
)
INSERT INTO audit (position, id, action, outcome, target, detail)
SELECT 0, gen_random_uuid(), 'client_updated', 'success', id::text, jsonb_build_object('scopes', to_jsonb(scopes))
FROM changed
"""


def upgrade() -> None:
    op.execute(CHANGE.format(before=OLD, after=NEW))


def downgrade() -> None:
    op.execute(CHANGE.format(before=NEW, after=OLD))
