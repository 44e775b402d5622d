"""Search users without regard to accents in their names."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# A SQL-standard body is parsed when the function is created, so that a dump can be restored under any search path.
PLAIN = r"""
CREATE FUNCTION plain_letters(words text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN translate(replace(replace(replace(replace(
    lower(normalize(regexp_replace(normalize(words, NFKD), '[\u0300-\u036f]', '', 'g'), NFC)),
    'þ', 'th'), 'æ', 'ae'), 'œ', 'oe'), 'ß', 'ss'), 'øłđðıħŧŋς', 'olddihtnσ')
"""
NAMES = "' ' || coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' ' || email"


def upgrade() -> None:
    op.execute(PLAIN)
    _search(f"plain_letters({NAMES})")


def downgrade() -> None:
    _search(f"lower({NAMES})")
    op.execute("DROP FUNCTION plain_letters(text)")


def _search(computed: str) -> None:
    """The expression of a generated column cannot be changed: the column and its index are created again."""
    op.drop_column("users", "search")
    op.add_column("users", sa.Column("search", sa.Text(), sa.Computed(computed, persisted=True), nullable=False))
    gin = {"postgresql_using": "gin", "postgresql_ops": {"search": "gin_trgm_ops"}}
    op.create_index("ix_users_search", "users", ["search"], **gin)
