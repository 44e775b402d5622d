"""Tables of the city service. Their GiST, GIN and pattern indexes (`hx_...`) are defined only in the migrations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    Float,
    ForeignKey,
    Index,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    literal_column,
)
from sqlalchemy.dialects.postgresql import ARRAY, REAL
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.orm import Mapped, column_property, mapped_column
from sqlalchemy.types import UserDefinedType

from heidi_common.database.models import Base, Entity

PEOPLE = "coalesce(population, -1)"
"""Population as lists are sorted by it: unknown comes below 0."""


class Cube(UserDefinedType[str]):
    """The type `cube` of PostgreSQL's extension of that name; here a point on the unit sphere."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "CUBE"


ischema_names["cube"] = Cube  # otherwise reflection warns about an unknown type

POS = (
    "cube(ARRAY[cos(radians(latitude)) * cos(radians(longitude)),"
    " cos(radians(latitude)) * sin(radians(longitude)), sin(radians(latitude))])"
)


SORT_NAME = "plain_letters(name)"


class City(Entity, Base):
    """A city. Deactivated cities are kept, because other data may refer to their IDs."""

    __tablename__ = "cities"
    __table_args__ = (
        CheckConstraint("latitude BETWEEN -90 AND 90", name="latitude"),
        CheckConstraint("longitude >= -180 AND longitude < 180", name="longitude"),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
        CheckConstraint("population >= 0", name="population"),
        CheckConstraint("kind IN ('CITY', 'DISTRICT')", name="kind"),
        UniqueConstraint("source"),
        Index("ix_cities_name_id", "sort_name", "id"),
        Index("ix_cities_country_name_id", "country", "sort_name", "id"),
        Index("ix_cities_state_name_id", "state", "sort_name", "id"),
        Index("ix_cities_timezone_name_id", "timezone", "sort_name", "id"),
        Index("ix_cities_created_at_id", "created_at", "id"),
    )

    name: Mapped[str]
    country: Mapped[str]
    state: Mapped[str | None]
    latitude: Mapped[float] = mapped_column(Float(53))
    longitude: Mapped[float] = mapped_column(Float(53))
    population: Mapped[int | None]
    timezone: Mapped[str | None]
    kind: Mapped[str | None]
    """A CityKind; None if unknown."""
    extra: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    is_active: Mapped[bool] = mapped_column(default=True, server_default="true")
    other_names: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default="{}", deferred=True)
    source: Mapped[str | None] = mapped_column(deferred=True)
    """Identifies an imported city in later imports (`geonames:2867714`); None if the city was created by the API."""
    source_digest: Mapped[str | None] = mapped_column(deferred=True)
    """Digest of the imported values: an import updates a row only if its source has changed since."""
    pos: Mapped[str] = mapped_column(Cube, Computed(POS, persisted=True), deferred=True)
    sort_name: Mapped[str] = mapped_column(Computed(SORT_NAME, persisted=True), deferred=True)
    """The name as lists are sorted by it: Ä beside A. The database computes it, as it may have no ICU collations."""
    people: Mapped[int] = column_property(literal_column(PEOPLE))


CITY_NAMES = Table(
    "city_names",
    Base.metadata,
    Column("city_id", Uuid, ForeignKey("cities.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("weight", REAL, nullable=False),
)
"""Derived from `cities`: each folded name of each active city, with the columns that search filters and ranks by."""

PLACE_NAMES = Table(
    "place_names",
    Base.metadata,
    Column("name", Text, nullable=False, index=True),
    Column("country", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("language", Text, nullable=False, index=True),
    Column("text", Text, nullable=False),
    info={"shipped": True},
)
"""Names of countries, regions and cities of zones: `name` is folded, the others are those of `gazetteer.PlaceName`."""

PLACE_NAMES_VERSION = Table(
    "place_names_version", Base.metadata, Column("version", Text, primary_key=True), info={"shipped": True}
)
"""One row: the versions of the packages that `place_names` was filled from."""
