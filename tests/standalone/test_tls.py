"""The router that terminates TLS, with the directives of docker-compose.tls.yml and a generated certificate."""

import socket
import ssl
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Event
from urllib.request import urlopen
from uuid import uuid4

import pytest
import requests
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from heidi_standalone.servers import service_user
from heidi_standalone.servers.nginx import LOOPBACK, Router, render
from tests.polling import TIMEOUT_SECONDS, until
from tests.ports import free_port
from tests.standalone.conftest import RunningRouter, running

ROOT = Path(__file__).parents[2]
OVERRIDE = yaml.safe_load((ROOT / "docker-compose.tls.yml").read_text())["services"]["router"]


class TlsRouter:
    """Both listeners of one router."""

    def __init__(self, plain: RunningRouter, tls_port: int, nginx: Router) -> None:
        self.plain, self.tls_port, self.certificate = plain, tls_port, nginx.folder / "fullchain.pem"
        self._command = [*nginx.command(), "-s", "reload"]

    def over_tls(self, path: str) -> requests.Response:
        return requests.get(
            f"https://127.0.0.1:{self.tls_port}{path}", verify=str(self.certificate), timeout=TIMEOUT_SECONDS
        )

    def served_certificate(self) -> str:
        return ssl.get_server_certificate(("127.0.0.1", self.tls_port), timeout=TIMEOUT_SECONDS)

    def reload(self) -> subprocess.CompletedProcess[str]:
        """Run the command of docs/operations.md."""
        return subprocess.run(self._command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def tls_router(upstreams: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsRouter]:
    nginx = Router(tmp_path_factory.mktemp("tls") / "nginx", free_port(), upstreams)
    nginx.prepare()
    write_certificate(nginx.folder)
    port = free_port()
    tls = OVERRIDE["environment"]["TLS"].replace("/tls/", f"{nginx.folder}/").replace("8443", f"127.0.0.1:{port}")
    nginx.config.write_text(render(nginx.values() | {"TLS": tls, "UNCOUNTED": LOOPBACK}))
    with running(nginx) as plain:
        yield TlsRouter(plain, port, nginx)


def write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
    replace(folder / "fullchain.pem", builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    replace(folder / "privkey.pem", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def replace(file: Path, content: bytes) -> None:
    """Write a new file, as ACME clients do: nginx keeps a certificate of the same inode and time in seconds."""
    new = file.with_suffix(".new")
    new.write_bytes(content)
    service_user.give_to_user(new)
    new.replace(file)


def test_strict_transport_security_is_sent_over_tls_only(tls_router: TlsRouter) -> None:
    for path in ("/healthz", "/nothing"):
        assert tls_router.over_tls(path).raw.headers.getlist("Strict-Transport-Security") == ["max-age=31536000"]
        assert "Strict-Transport-Security" not in tls_router.plain.get(path).headers


def test_a_service_gets_the_clients_protocol(tls_router: TlsRouter) -> None:
    assert tls_router.over_tls("/api/v1/users").json()["headers"]["X-Forwarded-Proto"] == ["https"]
    assert tls_router.plain.get("/api/v1/users").json()["headers"]["X-Forwarded-Proto"] == ["http"]


def test_plain_http_on_the_tls_port_is_a_problem_document(tls_router: TlsRouter) -> None:
    response = requests.get(f"http://127.0.0.1:{tls_router.tls_port}/api/v1/users", timeout=TIMEOUT_SECONDS)
    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


def test_clients_can_use_http_2(tls_router: TlsRouter) -> None:
    context = ssl.create_default_context(cafile=str(tls_router.certificate))
    context.set_alpn_protocols(["h2", "http/1.1"])
    plain = socket.create_connection(("127.0.0.1", tls_router.tls_port), TIMEOUT_SECONDS)
    with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        assert connection.selected_alpn_protocol() == "h2"


class Load:
    """Clients that open a connection for each request, and accept any certificate."""

    def __init__(self, url: str) -> None:
        self.url, self.results = url, Counter[str]()
        self._stop = Event()

    def run(self) -> None:
        while not self._stop.is_set():
            self.results[self._send()] += 1

    def stop(self) -> None:
        self._stop.set()

    def _send(self) -> str:
        context = ssl._create_unverified_context()
        try:
            with urlopen(self.url, timeout=TIMEOUT_SECONDS, context=context) as response:
                return str(response.status)
        except OSError as error:
            return repr(error)


def test_a_renewed_certificate_is_loaded_without_failing_a_request(tls_router: TlsRouter) -> None:
    before, host = tls_router.served_certificate(), f"https://127.0.0.1:{tls_router.tls_port}"
    load, slow = Load(f"{host}/api/v1/users"), Load(f"{host}/api/v1/users?sleep=3&n={uuid4().hex}")
    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(load.run) for _ in range(3)]
        in_progress = pool.submit(slow._send)
        try:
            until(lambda: slow.url.removeprefix(host) in tls_router.plain.seen)
            write_certificate(tls_router.certificate.parent)
            assert tls_router.reload().returncode == 0
            until(lambda: tls_router.served_certificate() != before)
            reached = load.results.total()
            until(lambda: load.results.total() > reached + 20)
            assert in_progress.result(TIMEOUT_SECONDS) == "200"
        finally:
            load.stop()
        for client in clients:
            client.result(TIMEOUT_SECONDS)
    assert load.results.keys() == {"200"}
    assert tls_router.over_tls("/healthz").ok


def test_a_certificate_that_cannot_be_read_leaves_the_old_one_in_place(tls_router: TlsRouter) -> None:
    before, content = tls_router.served_certificate(), tls_router.certificate.read_bytes()
    tls_router.certificate.write_text("no certificate")
    result = tls_router.reload()
    tls_router.certificate.write_bytes(content)
    assert result.returncode != 0
    assert "fullchain.pem" in result.stderr
    assert tls_router.served_certificate() == before


def test_compose_publishes_the_tls_port_and_mounts_the_certificate() -> None:
    (published,), (folder,) = OVERRIDE["ports"], OVERRIDE["volumes"]
    directives = OVERRIDE["environment"]["TLS"].split("; ")
    assert directives[0].startswith(f"listen {published.rpartition(':')[2]} ssl")
    files = [directive.split()[1].rstrip(";") for directive in directives if directive.startswith("ssl_certificate")]
    assert files == [f"{folder.split(':')[-2]}/{name}" for name in ("fullchain.pem", "privkey.pem")]
