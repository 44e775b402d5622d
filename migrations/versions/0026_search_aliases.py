"""Find users by "Last First", and by the Unicode form of an internationalised domain, which is stored as Punycode.

The index is on an expression, so that the table is not rewritten.
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

# Source: RFC 3492, 6.2. A label that is not valid Punycode stays as it is. There is no EXCEPTION block, because a
# subtransaction cannot be started when the index is built in parallel.
DECODE = r"""
CREATE FUNCTION unicode_label(label text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    code text := substr(label, 5);
    decoded text := '';
    dash int := length(code) - strpos(reverse(code), '-') + 1;
    n bigint := 128; i bigint := 0; bias bigint := 72;
    previous bigint; weight bigint; k bigint; digit bigint; threshold bigint; delta bigint; size bigint;
BEGIN
    IF label NOT LIKE 'xn--%' OR code !~ '^[a-z0-9-]+$' OR length(code) > 59 THEN RETURN label; END IF;
    IF strpos(code, '-') > 0 THEN
        decoded := left(code, dash - 1);
        code := substr(code, dash + 1);
    END IF;
    WHILE code <> '' LOOP
        previous := i; weight := 1; k := 36;
        LOOP
            IF code = '' OR left(code, 1) = '-' THEN RETURN label; END IF;
            digit := ascii(code) - CASE WHEN ascii(code) >= 97 THEN 97 ELSE 22 END;
            code := substr(code, 2);
            i := i + digit * weight;
            threshold := least(greatest(k - bias, 1), 26);
            EXIT WHEN digit < threshold;
            weight := weight * (36 - threshold);
            IF weight > 2147483647 OR i > 2147483647 THEN RETURN label; END IF;
            k := k + 36;
        END LOOP;
        size := length(decoded) + 1;
        delta := CASE WHEN previous = 0 THEN (i - previous) / 700 ELSE (i - previous) / 2 END;
        delta := delta + delta / size;
        k := 0;
        WHILE delta > 455 LOOP
            delta := delta / 35;
            k := k + 36;
        END LOOP;
        bias := k + 36 * delta / (delta + 38);
        n := n + i / size;
        i := i % size;
        IF n > 1114111 OR n BETWEEN 55296 AND 57343 THEN RETURN label; END IF;
        decoded := left(decoded, i::int) || chr(n::int) || substr(decoded, i::int + 1);
        i := i + 1;
    END LOOP;
    RETURN decoded;
END
$$
"""
# A SQL-standard body is parsed when the function is created, so that a dump can be restored under any search path.
DOMAIN = """
CREATE FUNCTION unicode_domain(domain text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT string_agg(unicode_label(label), '.' ORDER BY n)
        FROM unnest(string_to_array(domain, '.')) WITH ORDINALITY AS labels (label, n))
"""
ALIASES = """
CREATE FUNCTION user_search_aliases(first_name text, last_name text, email text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN plain_letters(
    ' ' || replace(coalesce(last_name, '') || ' ' || coalesce(first_name, ''), ',', '')
    || CASE WHEN email LIKE '%xn--%'
            THEN ' ' || split_part(email, '@', 1) || '@' || unicode_domain(split_part(email, '@', -1))
                 || ' ' || unicode_domain(split_part(email, '@', -1))
            ELSE '' END)
"""
INDEX = "hx_users_search_aliases"
FUNCTIONS = ("user_search_aliases(text, text, text)", "unicode_domain(text)", "unicode_label(text)")


def upgrade() -> None:
    for function in (DECODE, DOMAIN, ALIASES):
        op.execute(function)
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")  # an interrupted attempt leaves an invalid index
        expression = "user_search_aliases(first_name, last_name, email)"
        op.execute(f"CREATE INDEX CONCURRENTLY {INDEX} ON users USING gin (({expression}) gin_trgm_ops)")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
