"""Create the tables of cities and their names."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import UserDefinedType

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

EXTENSIONS = ("cube", "btree_gist", "pg_trgm")
POS = (
    "cube(ARRAY[cos(radians(latitude)) * cos(radians(longitude)),"
    " cos(radians(latitude)) * sin(radians(longitude)), sin(radians(latitude))])"
)


class Cube(UserDefinedType):
    def get_col_spec(self, **_):
        return "CUBE"


def upgrade() -> None:
    for extension in EXTENSIONS:
        op.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    op.create_table(
        "cities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("state", sa.Text()),
        sa.Column("latitude", sa.Float(53), nullable=False),
        sa.Column("longitude", sa.Float(53), nullable=False),
        sa.Column("population", sa.Integer()),
        sa.Column("timezone", sa.Text()),
        sa.Column("metadata", postgresql.JSONB()),
        sa.Column("is_active", sa.Boolean(), nullable=False, server_default="true"),
        sa.Column("other_names", postgresql.ARRAY(sa.Text()), nullable=False, server_default="{}"),
        sa.Column("source", sa.Text()),
        sa.Column("source_digest", sa.Text()),
        sa.Column("pos", Cube(), sa.Computed(POS, persisted=True), nullable=False),
        sa.CheckConstraint("latitude BETWEEN -90 AND 90", name="latitude"),
        sa.CheckConstraint("longitude >= -180 AND longitude < 180", name="longitude"),
        sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
        sa.CheckConstraint("population >= 0", name="population"),
        sa.PrimaryKeyConstraint("id", name="pk_cities"),
        sa.UniqueConstraint("source", name="uq_cities_source"),
    )
    op.create_table(
        "city_names",
        sa.Column("city_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("weight", sa.REAL(), nullable=False),
        sa.ForeignKeyConstraint(["city_id"], ["cities.id"], name="fk_city_names_city_id_cities", ondelete="CASCADE"),
    )
    for column in ("name", "created_at"):
        op.create_index(f"ix_cities_{column}_id", "cities", [column, "id"])
    for column in ("country", "state", "timezone"):
        op.create_index(f"ix_cities_{column}_name_id", "cities", [column, "name", "id"])
    op.create_index("ix_city_names_city_id", "city_names", ["city_id"])
    for statement in SPECIAL:
        op.execute(statement)


SPECIAL = (
    "CREATE INDEX hx_cities_people ON cities (coalesce(population, -1), id)",
    "CREATE INDEX hx_cities_country_people ON cities (country, coalesce(population, -1), id)",
    "CREATE INDEX hx_cities_inactive ON cities (name, id) WHERE NOT is_active",
    "CREATE INDEX hx_cities_pos ON cities USING gist (pos) WHERE is_active",
    # `country <> ''` is always true, but it restricts the index to queries that filter by country. Without such a
    # filter this tree, with a branch for each country, is slower than the plain index, which the planner cannot know.
    "CREATE INDEX hx_cities_country_pos ON cities USING gist (country, pos) WHERE is_active AND country <> ''",
    "CREATE INDEX hx_cities_large_pos ON cities USING gist (pos) WHERE is_active AND population >= 100000",
    "CREATE INDEX hx_city_names_prefix ON city_names (name text_pattern_ops) INCLUDE (city_id, weight, country)",
    "CREATE INDEX hx_city_names_typo ON city_names USING gin (name gin_trgm_ops)",
)


def downgrade() -> None:
    op.drop_table("city_names")
    op.drop_table("cities")
