"""The names under which an active city is found."""

from sqlalchemy import ARRAY, Text, bindparam, text

from heidi_common.database.session import db
from heidi_services.city.models import City
from heidi_services.city.name_matching import index_names

WEIGHT = "1 + ln(greatest(coalesce({city}.population, 1), 1)) / 40"
"""How much better known a place is: 1 for a hamlet, 1.4 for the largest city."""

_DROP = text("DELETE FROM city_names WHERE city_id = :id")
_ADD = text(
    "INSERT INTO city_names (city_id, name, country, weight)"
    f" SELECT c.id, n, c.country, {WEIGHT.format(city='c')} FROM cities c, unnest(:names) n"
    " WHERE c.id = :id AND c.is_active"  # nosec  # B608: constants
).bindparams(bindparam("names", type_=ARRAY(Text)))


def reindex(city: City) -> None:
    """Write the city's names anew, inside the caller's transaction; an inactive city has none."""
    db.session.flush()
    db.session.execute(_DROP, {"id": city.id})
    db.session.execute(_ADD, {"id": city.id, "names": index_names([city.name, *city.other_names])})
