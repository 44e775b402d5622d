"""Create the tables of integrations, received webhooks and deliveries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PROVIDERS = "provider IN ('STRIPE','SENDGRID','TWILIO','SLACK','WEBHOOK','CUSTOM')"


def upgrade() -> None:
    _integrations()
    _logs_and_events()
    _deliveries()
    _syncs()


def _integrations() -> None:
    op.create_table(
        "integrations",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("owner_role", sa.Text(), nullable=False),
        sa.Column("owner_active", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("owner_position", sa.BigInteger()),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("webhook_url", sa.Text()),
        sa.Column("config", postgresql.JSONB(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("disabled_reason", sa.Text()),
        sa.Column("credentials", sa.Text()),
        sa.Column("signing_secret", sa.Text(), nullable=False),
        sa.Column("previous_signing_secret", sa.Text()),
        _moment("previous_valid_until"),
        _moment("last_sync_at"),
        _moment("failing_since"),
        sa.Column("is_troubled", sa.Boolean(), nullable=False, server_default=sa.false()),
        _now("created_at"),
        _now("updated_at"),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.CheckConstraint(PROVIDERS, name="provider"),
    )
    op.create_index("ix_integrations_user_id_created_at_id", "integrations", ["user_id", "created_at", "id"])
    op.create_index("ix_integrations_created_at_id", "integrations", ["created_at", "id"])
    op.create_index(
        "ix_integrations_forwarding",
        "integrations",
        ["owner_role", "user_id"],
        postgresql_where=sa.text("is_active AND owner_active AND webhook_url IS NOT NULL"),
    )


def _logs_and_events() -> None:
    op.create_table(
        "integration_logs",
        sa.Column("id", sa.Uuid(), primary_key=True),
        _of_an_integration(),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_code", sa.Integer()),
        sa.Column("duration_ms", sa.Integer()),
        sa.Column("request", postgresql.JSONB()),
        sa.Column("response", postgresql.JSONB()),
        sa.Column("error", sa.Text()),
        _now("created_at"),
    )
    _newest_first("integration_logs")
    op.create_index("ix_integration_logs_created_at", "integration_logs", ["created_at"])
    op.create_table(
        "webhook_events",
        sa.Column("id", sa.Uuid(), primary_key=True),
        _of_an_integration(),
        sa.Column("provider_event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        _now("created_at"),
        sa.UniqueConstraint("integration_id", "provider_event_id"),
    )
    _newest_first("webhook_events")


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid(), primary_key=True),
        _of_an_integration(),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, server_default="PENDING"),
        sa.Column("response_status", sa.Integer()),
        sa.Column("last_error", sa.Text()),
        _moment("delivered_at"),
        _now("created_at"),
        _now("updated_at"),
        *_work(),
        sa.UniqueConstraint("integration_id", "event_id"),
    )
    _newest_first("deliveries")
    _while_pending("ix_deliveries_due", "deliveries", ["integration_id", "next_attempt_at"])
    op.create_index("ix_deliveries_created_at", "deliveries", ["created_at"])
    op.create_table(
        "delivery_attempts",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("delivery_id", sa.Uuid(), sa.ForeignKey("deliveries.id", ondelete="CASCADE"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("status_code", sa.Integer()),
        sa.Column("response", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        _now("created_at"),
    )
    op.create_index("ix_delivery_attempts_delivery_id_number", "delivery_attempts", ["delivery_id", "number"])


def _syncs() -> None:
    op.create_table(
        "syncs",
        sa.Column("id", sa.Uuid(), primary_key=True),
        _of_an_integration(),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, server_default="PENDING"),
        sa.Column("last_error", sa.Text()),
        _now("created_at"),
        _moment("finished_at"),
        *_work(),
        sa.UniqueConstraint("event_id"),
    )
    op.create_index("ix_syncs_integration_id", "syncs", ["integration_id"])
    _while_pending("ix_syncs_due", "syncs", ["next_attempt_at"])


def _of_an_integration() -> sa.Column:
    owner = sa.ForeignKey("integrations.id", ondelete="CASCADE")
    return sa.Column("integration_id", sa.Uuid(), owner, nullable=False)


def _moment(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True))


def _now(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def _work() -> list[sa.Column]:
    return [
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        _now("next_attempt_at"),
        _now("hinted_until"),
        _moment("locked_until"),
    ]


def _newest_first(table: str) -> None:
    op.create_index(f"ix_{table}_integration_id_created_at_id", table, ["integration_id", "created_at", "id"])


def _while_pending(name: str, table: str, columns: list[str]) -> None:
    op.create_index(name, table, columns, postgresql_where=sa.text("status = 'PENDING'"))


def downgrade() -> None:
    for table in ("syncs", "delivery_attempts", "deliveries", "webhook_events", "integration_logs", "integrations"):
        op.drop_table(table)
