"""SQL of the import: the temporary table `incoming`, and its merge into `cities` and `city_names`."""

from heidi_services.city.geo import EARTH_RADIUS_KM
from heidi_services.city.models import POS
from heidi_services.city.service.name_index import WEIGHT

_COLUMNS = "name, country, state, latitude, longitude, population, timezone, metadata, other_names"

_NAME_OF_SOURCE = "regexp_replace({0}.source, ':[^:]*:[^:]*$', '')"
"""`csv:DE:koethen` of `csv:DE:koethen:51.7519:11.9709`."""
MAX_MOVE = 5 / EARTH_RADIUS_KM
"""How far a city without an ID may have moved between two imports and still be the same one: 5 km, as a chord."""

CREATE_INCOMING = """CREATE TEMPORARY TABLE incoming (
    id uuid, source text, digest text, name text, country text, state text, latitude float8, longitude float8,
    population int, timezone text, metadata jsonb, other_names text[], names text[],
    kind text, has_id bool) ON COMMIT DROP"""
HAS_CITIES_WITHOUT_ID = "SELECT EXISTS (SELECT FROM incoming WHERE NOT has_id)"
MATCH_MOVED = f"""UPDATE incoming SET source = match.source FROM (
    SELECT DISTINCT ON (source) id, source FROM (
        SELECT DISTINCT ON (i.id) i.id, c.source, c.pos <-> {POS.replace("(l", "(i.l")} AS distance
        FROM incoming i JOIN cities c ON {_NAME_OF_SOURCE.format("c")} = {_NAME_OF_SOURCE.format("i")}
        WHERE NOT i.has_id AND c.pos <-> {POS.replace("(l", "(i.l")} <= {MAX_MOVE}
            AND NOT EXISTS (SELECT FROM cities same WHERE same.source = i.source)
            AND NOT EXISTS (SELECT FROM incoming other WHERE other.source = c.source)
        ORDER BY i.id, distance) nearest
    ORDER BY source, distance) match WHERE incoming.id = match.id"""  # nosec  # B608: constants
ADD_DISTRICTS = """UPDATE cities c SET kind = i.kind, version = version + 1, updated_at = now()
    FROM incoming i WHERE i.source = c.source AND c.kind IS NULL AND i.kind = 'DISTRICT'
    AND i.digest = c.source_digest RETURNING c.id"""
"""Marks districts that were imported before there was a kind, even if their source has not changed since."""
UPDATE_CHANGED = f"""UPDATE cities c SET ({_COLUMNS}) = (SELECT {", ".join(f"i.{c}" for c in _COLUMNS.split(", "))}),
    kind = coalesce(i.kind, c.kind), source_digest = i.digest, version = version + 1, updated_at = now()
    FROM incoming i WHERE i.source = c.source AND i.digest <> c.source_digest RETURNING c.id"""  # nosec  # B608: constants
INSERT_NEW = f"""INSERT INTO cities (id, source, source_digest, kind, {_COLUMNS})
    SELECT id, source, digest, kind, {_COLUMNS} FROM incoming i
    WHERE NOT EXISTS (SELECT FROM cities c WHERE c.source = i.source)"""  # nosec  # B608: constants
DELETE_NAMES = "DELETE FROM city_names WHERE city_id = ANY(:ids)"
INSERT_NAMES = f"""INSERT INTO city_names (city_id, name, country, weight)
    SELECT c.id, n, c.country, {WEIGHT.format(city="c")}
    FROM incoming i JOIN cities c USING (source), unnest(i.names) n
    WHERE c.is_active AND (c.id = i.id OR c.id = ANY(:ids))"""  # nosec  # B608: constants
SELECT_OUTCOMES = """SELECT i.id AS incoming_id, c.id AS city_id, c.id = i.id AS is_new,
    c.updated_at = transaction_timestamp() AS is_changed FROM incoming i JOIN cities c USING (source)"""
"""What became of each incoming city, once they are merged."""
SELECT_INDEXES = """SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid IN ('cities'::regclass, 'city_names'::regclass) AND NOT indisunique"""
