"""The search index: the folded names of active cities, each with the weight of its city."""

from sqlalchemy import ARRAY, Text, bindparam, text

from heidi_common.database.session import db
from heidi_services.city.models import City
from heidi_services.city.name_matching import index_names

WEIGHT = "1 + ln(greatest(coalesce({city}.population, 1), 1)) / 40"
"""The popularity of a city, by its population: 1 for a hamlet, 1.4 for the largest city."""

_DELETE = text("DELETE FROM city_names WHERE city_id = :id")
_INSERT = text(
    "INSERT INTO city_names (city_id, name, country, weight)"
    f" SELECT c.id, n, c.country, {WEIGHT.format(city='c')} FROM cities c, unnest(:names) n"
    " WHERE c.id = :id AND c.is_active"  # nosec  # B608: constants
).bindparams(bindparam("names", type_=ARRAY(Text)))


def reindex(city: City) -> None:
    """Replace a city's names in the index, within the caller's transaction. Inactive cities have none."""
    db.session.flush()
    db.session.execute(_DELETE, {"id": city.id})
    db.session.execute(_INSERT, {"id": city.id, "names": index_names([city.name, *city.other_names])})
