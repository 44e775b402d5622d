"""What a database still needs before services can work on it, and the commands that give it that."""

import json
import re
import secrets
import subprocess  # nosec B404  # runs our own commands
import sys
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from heidi_standalone.errors import CannotRun
from heidi_standalone.paths import ROOT
from heidi_standalone.private_files import write_private

ADMIN = "admin@heidi.local"
REVISION = re.compile(r'^(?:revision|down_revision)\b.*?=\s*"(\w+)"', re.MULTILINE)
CREDENTIALS = re.compile(r"client_id=(\S+)\s+client_secret=(\S+)")

Error = psycopg2.Error


@dataclass(frozen=True)
class Missing:
    """What is still to be done."""

    migrations: bool = True
    admin: bool = True
    client: bool = True
    cities: bool = True


def missing(url: str, client_id: str | None) -> Missing:
    """Quick questions, so that a second start need not load the whole platform for them."""
    plain = url.replace("+psycopg2", "", 1)
    with psycopg2.connect(plain, connect_timeout=5) as connection, connection.cursor() as cursor:

        def answer(question: str, *values: object) -> object:
            cursor.execute(question, values)
            row = cursor.fetchone()
            return row[0] if row else None

        if not answer("SELECT to_regclass('alembic_version')"):
            return Missing()
        if answer("SELECT version_num FROM alembic_version") != head():
            return Missing()
        return Missing(
            migrations=False,
            admin=not answer("SELECT EXISTS (SELECT FROM users WHERE role = 'ADMIN' AND deleted_at IS NULL)"),
            client=not answer("SELECT EXISTS (SELECT FROM clients WHERE id::text = %s)", client_id),
            cities=not answer("SELECT EXISTS (SELECT FROM cities)"),
        )


def head() -> str:
    """The newest migration: the one revision that no other follows."""
    files = [REVISION.findall(path.read_text()) for path in (ROOT / "migrations" / "versions").glob("*.py")]
    followed = {older for found in files for older in found[1:]}
    newest: str
    (newest,) = {found[0] for found in files} - followed
    return newest


class Commands:
    """`flask ...` with the platform's environment; what they say goes to `log`."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        self.env, self.log = env | {"LOG_FORMAT": "console", "HEIDI_SERVICE": "auth"}, log

    def migrate(self) -> None:
        self._flask("db", "upgrade")

    def make_admin(self, file: Path) -> bool:
        """Whether one was made. The password is in `file` first: no cut leaves an account without one."""
        password = secrets.token_urlsafe(15)
        unfinished = file.with_name(file.name + ".unfinished")
        write_private(unfinished, f"{ADMIN}\n{password}\n")
        said = self._flask("users", "create-admin", ADMIN, "--password-stdin", "--if-none", stdin=password)
        if "nothing done" in said:
            unfinished.unlink()
            return False
        unfinished.rename(file)
        return True

    def make_client(self, file: Path) -> None:
        """The machine client with which core goes on with an operation when its requester's token has ended."""
        found = CREDENTIALS.search(self._flask("clients", "create", "core", "--scope", "notifications:write"))
        if found is None:
            raise CannotRun("flask clients create did not show what it made")
        write_private(file, json.dumps({"CORE_CLIENT_ID": found[1], "CORE_CLIENT_SECRET": found[2]}))

    def import_cities(self) -> None:
        self._flask("cities", "import")

    def _flask(self, *arguments: str, stdin: str = "") -> str:
        """Its output; a process group of its own, so that Ctrl-C reaches it through us alone."""
        argv = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with self.log.open("ab") as log:
            child = subprocess.Popen(argv, cwd=ROOT, env=self.env, stderr=log, text=True, process_group=0, **pipes)  # type: ignore[call-overload]  # nosec B603
            try:
                said: str = child.communicate(stdin)[0]
            except BaseException:
                child.terminate()
                child.wait()
                raise
        if child.returncode:
            lines = [*self.log.read_text(errors="replace").split("\n"), *said.split("\n")]
            last = next(line for line in reversed([argv[-1], *lines]) if line.strip())
            raise CannotRun(f"flask {' '.join(arguments)} failed: {last} (all of it: {self.log})")
        return said
