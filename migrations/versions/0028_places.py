"""Add the names of countries and regions, the kind of a place, and names by which lists are sorted for people."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

PREFIXES = ("country", "state", "timezone")
INACTIVE = "CREATE INDEX hx_cities_inactive ON cities ({column}, id) WHERE NOT is_active"


def upgrade() -> None:
    op.add_column("cities", sa.Column("kind", sa.Text()))
    op.create_check_constraint("kind", "cities", "kind IN ('CITY', 'DISTRICT')")
    for table in ("cities", "schedules"):
        computed = sa.Computed("plain_letters(name)", persisted=True)
        op.add_column(table, sa.Column("sort_name", sa.Text(), computed, nullable=False))
    _index_names("sort_name")
    op.create_table(
        "place_names",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("name", "country", "region")),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("language", "text")),
    )
    op.create_index("ix_place_names_name", "place_names", ["name"])
    op.create_index("ix_place_names_language", "place_names", ["language"])
    op.create_table("place_names_version", sa.Column("version", sa.Text(), primary_key=True))


def downgrade() -> None:
    op.drop_table("place_names_version")
    op.drop_table("place_names")
    _index_names("name")
    for table in ("cities", "schedules"):
        op.drop_column(table, "sort_name")
    op.drop_column("cities", "kind")


def _index_names(column: str) -> None:
    """Create the indexes of sorted lists again, on `name` or `sort_name`."""
    for prefix in PREFIXES:
        op.drop_index(f"ix_cities_{prefix}_name_id")
        op.create_index(f"ix_cities_{prefix}_name_id", "cities", [prefix, column, "id"])
    for table in ("cities", "schedules"):
        op.drop_index(f"ix_{table}_name_id")
        op.create_index(f"ix_{table}_name_id", table, [column, "id"])
    op.execute("DROP INDEX hx_cities_inactive")
    op.execute(INACTIVE.format(column=column))
