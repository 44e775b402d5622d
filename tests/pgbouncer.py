"""PgBouncer of the machine, in transaction mode, in front of a server of the tests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import psycopg2

from heidi_common.database import role_settings
from heidi_common.database.dsn import psycopg2_dsn
from heidi_standalone.servers import service_user
from tests.polling import until

PORT = 6432
POOL_SIZE = 20
CONFIGURATION = """
[databases]
* = host={server} user=postgres

[pgbouncer]
listen_addr =
listen_port = {port}
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 500
logfile = {folder}/log
pidfile = {folder}/pid
"""


@contextmanager
def running(database_url: str, folder: Path) -> Iterator[str]:
    """Run PgBouncer while the block lasts, with the role settings that `flask prepare` stores.

    Args:
        database_url: A server that listens on a Unix socket.
        folder: For the socket and the log.

    Returns:
        A context manager with the URL through PgBouncer.
    """
    role_settings.store(psycopg2_dsn(database_url), role_settings.session_parameters(30))
    (server,) = parse_qs(urlsplit(database_url).query)["host"]
    service_user.private_folder(folder)
    text = CONFIGURATION.format(server=server, folder=folder, port=PORT, pool_size=POOL_SIZE)
    (folder / "ini").write_text(text)
    (folder / "ini").chmod(0o644)
    command = service_user.command("/usr/sbin/pgbouncer", str(folder / "ini"), folder=folder, signal_name="INT")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"postgresql+psycopg2://postgres@/postgres?host={quote(str(folder))}&port={PORT}"
    try:
        until(lambda: _responds(url))
        yield url
    finally:
        process.terminate()
        process.wait()


def _responds(url: str) -> bool:
    try:
        psycopg2.connect(psycopg2_dsn(url), connect_timeout=5).close()
    except psycopg2.OperationalError:
        return False
    return True
