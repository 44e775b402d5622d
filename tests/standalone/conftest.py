"""Real nginx in front of a small upstream server that returns what it received."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import requests

from heidi_services import SERVICES
from heidi_standalone.servers.nginx import Router
from tests.polling import TIMEOUT_SECONDS, until
from tests.ports import free_port


class Upstream(BaseHTTPRequestHandler):
    """Returns what it received. The query can select a status and headers: `?status=404&Retry-After=1`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    seen: list[str] = []

    def do_GET(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        type(self).seen.append(self.path)
        query = requests.utils.urlparse(self.path).query
        parameters = dict(part.split("=", 1) for part in query.split("&") if part)
        number = len(type(self).seen)
        headers = {name: self.headers.get_all(name) for name in self.headers}
        received = {
            "service": self.server.service,
            "path": self.path,
            "headers": headers,
            "size": len(body),
            "number": number,
        }  # type: ignore[attr-defined]
        time.sleep(float(parameters.pop("sleep", 0)))
        self.send_response(int(parameters.pop("status", 200)))
        text = json.dumps(received | {"padding": "x" * int(parameters.pop("padding", 0))}).encode()
        for name, value in {"Content-Type": "application/json", "X-Request-ID": "the service's", **parameters}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_POST = do_PATCH = do_DELETE = do_HEAD = do_PUT = do_GET

    def log_message(self, *_: Any) -> None:
        """Silent."""


class RunningRouter:
    """The router's URL, and the paths that its upstreams received."""

    def __init__(self, router: Router) -> None:
        self.url = f"http://127.0.0.1:{router.port}"
        self.port = router.port
        self.seen = Upstream.seen

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=TIMEOUT_SECONDS, allow_redirects=False, **options)


@pytest.fixture(scope="session")
def upstreams() -> Iterator[dict[str, str]]:
    """The addresses of the services; `scheduler` is not running."""
    servers = []
    addresses = {"scheduler": f"127.0.0.1:{free_port()}"}
    for service in SERVICES.keys() - addresses.keys():
        server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
        server.service = service  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        addresses[service] = f"127.0.0.1:{server.server_port}"
    yield addresses
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def router(upstreams: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRouter]:
    nginx = Router(tmp_path_factory.mktemp("nginx"), free_port(), upstreams)
    nginx.prepare()
    with running(nginx) as running_router:
        yield running_router


@contextmanager
def running(nginx: Router) -> Iterator[RunningRouter]:
    """Run a prepared nginx while the block lasts."""
    with nginx.folder.with_name("nginx.log").open("ab") as log:
        process = subprocess.Popen(nginx.command(), stdout=log, stderr=log)
    try:
        until(lambda: listens(nginx.port) or process.poll() is not None)
        assert process.poll() is None, nginx.folder.with_name("nginx.log").read_text()[-2000:]
        yield RunningRouter(nginx)
    finally:
        process.terminate()
        process.wait(TIMEOUT_SECONDS)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
