"""SQL of the import: the temporary table `incoming`, and its merge into `cities` and `city_names`."""

from heidi_services.city.service.name_index import WEIGHT

_COLUMNS = "name, country, state, latitude, longitude, population, timezone, metadata, other_names"

CREATE_INCOMING = """CREATE TEMPORARY TABLE incoming (
    id uuid, source text, digest text, name text, country text, state text, latitude float8, longitude float8,
    population int, timezone text, metadata jsonb, other_names text[], names text[]) ON COMMIT DROP"""
UPDATE_CHANGED = f"""UPDATE cities c SET ({_COLUMNS}) = (SELECT {", ".join(f"i.{c}" for c in _COLUMNS.split(", "))}),
    source_digest = i.digest, version = version + 1, updated_at = now()
    FROM incoming i WHERE i.source = c.source AND i.digest <> c.source_digest RETURNING c.id"""  # nosec  # B608: constants
INSERT_NEW = f"""INSERT INTO cities (id, source, source_digest, {_COLUMNS})
    SELECT id, source, digest, {_COLUMNS} FROM incoming i
    WHERE NOT EXISTS (SELECT FROM cities c WHERE c.source = i.source)"""  # nosec  # B608: constants
DELETE_NAMES = "DELETE FROM city_names WHERE city_id = ANY(:ids)"
INSERT_NAMES = f"""INSERT INTO city_names (city_id, name, country, weight)
    SELECT c.id, n, c.country, {WEIGHT.format(city="c")}
    FROM incoming i JOIN cities c USING (source), unnest(i.names) n
    WHERE c.is_active AND (c.id = i.id OR c.id = ANY(:ids))"""  # nosec  # B608: constants
SELECT_INDEXES = """SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid IN ('cities'::regclass, 'city_names'::regclass) AND NOT indisunique"""
