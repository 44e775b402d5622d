"""Whether the database still needs its tables, its first administrator, its cities."""

import re
from dataclasses import dataclass

import psycopg2

from heidi_common.standalone.checkout import ROOT

Error = psycopg2.Error
REVISION = re.compile(r'^(?:revision|down_revision)\b.*?=\s*"(\w+)"', re.MULTILINE)


@dataclass(frozen=True)
class Missing:
    """What is still to be done."""

    migrations: bool
    admin: bool
    cities: bool


def missing(url: str) -> Missing:
    """Three quick questions, so that a second start need not load the whole platform for them."""
    with (
        psycopg2.connect(url.replace("+psycopg2", "", 1), connect_timeout=5) as connection,
        connection.cursor() as cursor,
    ):

        def answer(question: str) -> object:
            cursor.execute(question)
            row = cursor.fetchone()
            return row[0] if row else None

        if not answer("SELECT to_regclass('alembic_version')"):
            return Missing(migrations=True, admin=True, cities=True)
        return Missing(
            migrations=answer("SELECT version_num FROM alembic_version") != head(),
            admin=not answer("SELECT EXISTS (SELECT FROM users WHERE role = 'ADMIN' AND deleted_at IS NULL)"),
            cities=not answer("SELECT EXISTS (SELECT FROM cities)"),
        )


def head() -> str:
    """The newest migration: the one revision that no other follows."""
    files = [REVISION.findall(path.read_text()) for path in (ROOT / "migrations" / "versions").glob("*.py")]
    followed = {older for found in files for older in found[1:]}
    newest: str
    (newest,) = {found[0] for found in files} - followed
    return newest
