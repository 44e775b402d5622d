"""The configurations of PgBouncer and of the WAL archive that are shipped, used by real programs of this machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg2
import pytest
import yaml

from heidi_standalone.servers import service_user
from tests.deploy.manifests import MANIFESTS, ROOT
from tests.polling import until
from tests.ports import free_port

pytestmark = [
    pytest.mark.operations,
    pytest.mark.skipif(not shutil.which("pgbouncer"), reason="PgBouncer is not installed"),
]
PASSWORD = "a password"


@pytest.fixture
def port(database_url: str, tmp_path: Path) -> Iterator[int]:
    """PgBouncer with the file of the component for Kubernetes, with another server and without TLS to it."""
    documents = yaml.safe_load_all((MANIFESTS / "components" / "pgbouncer" / "pgbouncer.yaml").read_text())
    text = next(item["data"]["pgbouncer.ini"] for item in documents if item["kind"] == "ConfigMap")
    port = free_port()
    folder = tmp_path / "pgbouncer"
    service_user.private_folder(folder)
    server = parse_qs(urlsplit(database_url).query)["host"][0]
    for before, after in {
        "host=postgres.example.org port=5432": f"host={server} user=postgres dbname=postgres",
        "listen_addr = 0.0.0.0": "listen_addr = 127.0.0.1",
        "listen_port = 6432": f"listen_port = {port}\nunix_socket_dir =",
        "/etc/pgbouncer-users": str(folder),
        "server_tls_sslmode = verify-full": "server_tls_sslmode = disable",
        "server_tls_ca_file = /etc/ssl/certs/ca-certificates.crt": "",
    }.items():
        assert before in text
        text = text.replace(before, after)
    (folder / "pgbouncer.ini").write_text(text)
    (folder / "userlist.txt").write_text(f'"heidi" "{PASSWORD}"\n')
    for file in folder.iterdir():
        file.chmod(0o644)
    command = service_user.command(
        "/usr/sbin/pgbouncer", str(folder / "pgbouncer.ini"), folder=folder, signal_name="INT"
    )
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    yield port
    process.terminate()
    process.wait()


def test_the_component_for_kubernetes_authenticates_clients_and_pools_transactions(port: int) -> None:
    def connect(password: str) -> psycopg2.extensions.connection:
        return psycopg2.connect(
            host="127.0.0.1", port=port, user="heidi", password=password, dbname="heidi", sslmode="disable"
        )

    def responds() -> bool:
        try:
            connect(PASSWORD).close()
        except psycopg2.OperationalError as error:
            assert "authentication failed" not in str(error)
            return False
        return True

    until(responds)
    with pytest.raises(psycopg2.OperationalError, match="authentication failed"):
        connect("another password")
    first, second = connect(PASSWORD), connect(PASSWORD)
    processes = []
    for connection in (first, second):
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            processes += cursor.fetchone()
        # The server's connection is free again, although this client's is open.
    assert processes[0] == processes[1]
    first.close()
    second.close()


def test_compose_archives_as_the_recovery_expects(tmp_path: Path) -> None:
    """The command of docker-compose.pitr.yml never overwrites a file, and names one when it is complete."""
    text = (ROOT / "docker-compose.pitr.yml").read_text()
    (command,) = (line.partition("=")[2] for line in text.splitlines() if "archive_command=" in line)
    archive, segment = tmp_path / "wal", tmp_path / "000000010000000000000001"
    archive.mkdir()
    segment.write_bytes(b"one")

    def run() -> int:
        line = command.replace("/wal/", f"{archive}/").replace("%f", segment.name).replace("%p", str(segment))
        return subprocess.run(["sh", "-c", line], check=False).returncode

    assert run() == 0
    assert [path.read_bytes() for path in archive.iterdir()] == [b"one"]
    segment.write_bytes(b"two")
    assert run() != 0
    assert [path.read_bytes() for path in archive.iterdir()] == [b"one"]
