"""Create the tables of one-time tokens and second factors, and the hash-chained audit trail."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)

# The text that is hashed. Its names and their order never change, so that the hashes can be verified.
CONTENT = """
CREATE FUNCTION audit_content(entry audit) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'position', entry.position, 'id', entry.id, 'action', entry.action, 'outcome', entry.outcome,
        'at', to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'actor', entry.actor, 'target', entry.target, 'address', entry.address,
        'requestId', entry.request_id, 'detail', entry.detail
    )::text
$$
"""

# Writers wait for each other until they commit: each row contains the hash of the row before it.
CHAIN = """
CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last audit;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('heidi audit'));
    SELECT * INTO last FROM audit ORDER BY position DESC LIMIT 1;
    NEW.position := coalesce(last.position, 0) + 1;
    NEW.at := clock_timestamp();
    NEW.previous_hash := coalesce(last.hash, repeat('0', 64));
    NEW.hash := encode(sha256(convert_to(NEW.previous_hash || E'\\n' || audit_content(NEW), 'UTF8')), 'hex');
    RETURN NEW;
END
$$
"""

REFUSE = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$
"""


SEARCH = "lower(' ' || coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' ' || email)"


def upgrade() -> None:
    _users()
    _one_time_tokens()
    _second_factors()
    _audit()


def _users() -> None:
    """Add an index for every filter and order of the list of users, so that late pages are as fast as the first."""
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.add_column("users", sa.Column("search", sa.Text(), sa.Computed(SEARCH, persisted=True), nullable=False))
    gin = {"postgresql_using": "gin", "postgresql_ops": {"search": "gin_trgm_ops"}}
    op.create_index("ix_users_search", "users", ["search"], **gin)
    op.create_index("ix_users_email_id", "users", ["email", "id"])
    op.create_index("ix_users_role_created_at_id", "users", ["role", "created_at", "id"])
    op.create_index("ix_users_inactive", "users", ["created_at", "id"], postgresql_where=sa.text("NOT is_active"))


def _one_time_tokens() -> None:
    op.create_table(
        "one_time_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("used_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_one_time_tokens"),
    )
    op.create_index("uq_one_time_tokens_token_hash", "one_time_tokens", ["token_hash"], unique=True)
    op.create_index("ix_one_time_tokens_user_id_purpose", "one_time_tokens", ["user_id", "purpose"])
    op.create_index("ix_one_time_tokens_expires_at", "one_time_tokens", ["expires_at"])


def _second_factors() -> None:
    op.create_table(
        "totp",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("last_step", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("confirmed_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("user_id", name="pk_totp"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("used_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_codes"),
    )
    columns = ["user_id", "code_hash"]
    op.create_index("uq_recovery_codes_user_id_code_hash", "recovery_codes", columns, unique=True)


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(), nullable=True),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_audit"),
    )
    for name in ("action", "actor", "target"):
        op.create_index(f"ix_audit_{name}_position", "audit", [name, "position"])
    op.create_index("ix_audit_at", "audit", ["at"])
    for function in (CONTENT, CHAIN, REFUSE):
        op.execute(function)
    op.execute("CREATE TRIGGER audit_chain BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_chain()")
    op.execute(
        "CREATE TRIGGER audit_refuse BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse()"
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION audit_content(audit) CASCADE")
    op.drop_table("audit")
    op.execute("DROP FUNCTION audit_chain")
    op.execute("DROP FUNCTION audit_refuse")
    for name in ("recovery_codes", "totp", "one_time_tokens"):
        op.drop_table(name)
    for name in ("inactive", "role_created_at_id", "email_id", "search"):
        op.drop_index(f"ix_users_{name}", "users")
    op.drop_column("users", "search")
