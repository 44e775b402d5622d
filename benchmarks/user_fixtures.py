"""Users for the scenarios, inserted directly into the table."""

from benchmarks.bench import Bench
from heidi_common.identity.password_hashing import PasswordHasher

DOMAIN = "people.example.org"
PASSWORD = "a password that many people share 1"
USERS = 50_000

INSERT = """
INSERT INTO users (id, email, password_hash, password_changed_at, first_name, last_name, email_verified_at, created_at)
SELECT gen_random_uuid(), 'person' || n || '@' || %s, %s, now(), 'Given' || n, 'Family' || n, now(),
       now() - n * interval '1 minute'
FROM generate_series(1, %s) AS n
"""


def ensure(bench: Bench) -> int:
    """Make sure that there are enough users; returns their number. All have the same password, which is hashed once."""
    count = "SELECT count(*) FROM users"
    existing: int = bench.platform.scalar(count)
    if existing < bench.scaled(USERS):
        bench.platform.query(INSERT, DOMAIN, PasswordHasher().hash(PASSWORD), bench.scaled(USERS))
        bench.platform.query("ANALYZE users")
    return int(bench.platform.scalar(count))


def ids(bench: Bench, number: int) -> list[str]:
    """Return the IDs of some of these users."""
    ensure(bench)
    rows = bench.platform.query(
        "SELECT id::text FROM users WHERE email LIKE %s ORDER BY email LIMIT %s", f"%@{DOMAIN}", number
    )
    return [row[0] for row in rows]
