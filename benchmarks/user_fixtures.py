"""People to read, to sign in and to write to, put straight into the table."""

from benchmarks.bench import Bench
from heidi_common.identity.password_hashing import PasswordHasher

DOMAIN = "people.example.org"
PASSWORD = "a password that many people share 1"
PEOPLE = 50_000

INSERT = """
INSERT INTO users (id, email, password_hash, password_changed_at, first_name, last_name, email_verified_at, created_at)
SELECT gen_random_uuid(), 'person' || n || '@' || %s, %s, now(), 'Given' || n, 'Family' || n, now(),
       now() - n * interval '1 minute'
FROM generate_series(1, %s) AS n
"""


def ensure(bench: Bench) -> int:
    """How many people there are; all have one password, so that it is hashed once."""
    count = "SELECT count(*) FROM users"
    found: int = bench.stage.one(count)
    if found < bench.many(PEOPLE):
        bench.stage.query(INSERT, DOMAIN, PasswordHasher().hash(PASSWORD), bench.many(PEOPLE))
        bench.stage.query("ANALYZE users")
    return int(bench.stage.one(count))


def ids(bench: Bench, number: int) -> list[str]:
    """Some of them."""
    ensure(bench)
    rows = bench.stage.query(
        "SELECT id::text FROM users WHERE email LIKE %s ORDER BY email LIMIT %s", f"%@{DOMAIN}", number
    )
    return [row[0] for row in rows]
