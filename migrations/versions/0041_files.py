"""Create the tables of the file service."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

OBJECT_STATUS = "status IN ('WRITING','PART','STORED','RENDITION','REMOVING')"
SCAN_STATUS = "scan_status IN ('NOT_SCANNED','PENDING','CLEAN','INFECTED')"
JOB_STATUS = "status IN ('PENDING','DONE','FAILED')"
VISIBILITY = "visibility IN ('PRIVATE','LINK','PUBLIC')"


def upgrade() -> None:
    _usage()
    _objects()
    _files()
    _uploads()
    _links()
    _jobs()


def _usage() -> None:
    op.create_table(
        "file_usage",
        sa.Column("user_id", sa.Uuid(), primary_key=True),
        sa.Column("bytes", sa.BigInteger(), nullable=False, server_default="0"),
        sa.CheckConstraint("bytes >= 0", name="bytes"),
    )


def _objects() -> None:
    op.create_table(
        "stored_objects",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("counted_bytes", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("sha256", sa.Text()),
        sa.Column("detected_type", sa.Text()),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("scan_status", sa.Text(), nullable=False, server_default="NOT_SCANNED"),
        sa.Column("signature", sa.Text()),
        _now("created_at"),
        _moment("remove_after"),
        sa.Column("upload_id", sa.Uuid()),
        sa.Column("upload_offset", sa.BigInteger()),
        sa.Column("source_id", sa.Uuid()),
        sa.Column("rendition_size", sa.Integer()),
        sa.CheckConstraint(OBJECT_STATUS, name="status"),
        sa.CheckConstraint(SCAN_STATUS, name="scan_status"),
    )
    _index("stored_objects", "content", ["user_id", "sha256"], where="status = 'STORED'")
    for column in ("remove_after", "upload_id", "source_id"):
        _index("stored_objects", column, [column], where=f"{column} IS NOT NULL")


def _files() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("object_id", sa.Uuid(), sa.ForeignKey("stored_objects.id"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        *_entity(),
        sa.CheckConstraint(VISIBILITY, name="visibility"),
    )
    _index("files", "user_id_created_at_id", ["user_id", "created_at", "id"])
    _index("files", "created_at_id", ["created_at", "id"])
    _index("files", "object_id", ["object_id"])


def _uploads() -> None:
    op.create_table(
        "file_uploads",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text()),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("parts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("holder", sa.Uuid()),
        _moment("expires_at", nullable=False),
        *_entity(),
        sa.CheckConstraint(VISIBILITY, name="visibility"),
    )
    _index("file_uploads", "expires_at", ["expires_at"])
    _index("file_uploads", "user_id", ["user_id"])


def _links() -> None:
    op.create_table(
        "file_links",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("file_id", sa.Uuid(), sa.ForeignKey("files.id", ondelete="CASCADE"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        _now("created_at"),
        _moment("expires_at", nullable=False),
        sa.Column("max_downloads", sa.Integer()),
        sa.Column("downloads", sa.Integer(), nullable=False, server_default="0"),
    )
    _index("file_links", "file_id_created_at_id", ["file_id", "created_at", "id"])
    _index("file_links", "expires_at", ["expires_at"])


def _jobs() -> None:
    op.create_table(
        "file_jobs",
        sa.Column("id", sa.Uuid(), sa.ForeignKey("stored_objects.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("status", sa.Text(), nullable=False, server_default="PENDING"),
        sa.Column("last_error", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        _now("next_attempt_at"),
        _now("hinted_until"),
        _moment("locked_until"),
        sa.CheckConstraint(JOB_STATUS, name="status"),
    )
    _index("file_jobs", "due", ["next_attempt_at"], where="status = 'PENDING'")


def _entity() -> list[sa.Column]:
    return [
        _now("created_at"),
        _now("updated_at"),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
    ]


def _moment(name: str, *, nullable: bool = True) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _now(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def _index(table: str, suffix: str, columns: list[str], *, where: str | None = None) -> None:
    condition = sa.text(where) if where else None
    op.create_index(f"ix_{table}_{suffix}", table, columns, postgresql_where=condition)


def downgrade() -> None:
    for table in ("file_jobs", "file_links", "file_uploads", "files", "stored_objects", "file_usage"):
        op.drop_table(table)
