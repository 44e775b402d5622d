"""What is checked before a socket is open, and the plain HTTP endpoints of this role."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import urlsplit

import orjson
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from heidi_common.config.settings import Settings
from heidi_common.problems import Forbidden, NotFound, Problem
from heidi_realtime.backend import Backend, Origin

PATH = "/api/v1/realtime"
PROBES = ("/healthz", "/readyz", "/metrics")
_ADDRESS_HEADERS = ("X-Forwarded-For", "X-Forwarded-Proto")


class UpgradeRequired(Problem):
    """Source: RFC 9110, section 15.5.22."""

    status, code = 426, "upgrade_required"


class Handshake:
    """Accepts or rejects the opening request of a connection.

    Args:
        backend: It responds to probes.
        settings: The origins of browser applications.
    """

    def __init__(self, backend: Backend, settings: Settings) -> None:
        self._backend = backend
        self._origins = {*settings.cors_origins, _origin_of(settings.public_base_url)}

    async def process(self, connection: ServerConnection, request: Request) -> Response | None:
        """Return None to open a socket, or the response to the request."""
        path = request.path.partition("?")[0]
        if path in PROBES:
            status, body = await self._backend.probe(path, origin_of(connection, request))
            kind = "text/plain; version=0.0.4" if path == "/metrics" else "application/json"
            return _response(status, body, kind)
        try:
            self._check(path, request.headers)
        except Problem as problem:
            return problem_response(problem, path)
        return None

    def _check(self, path: str, headers: Headers) -> None:
        if path != PATH:
            raise NotFound("No resource exists at this URL.")
        if "websocket" not in headers.get("Upgrade", "").lower():
            raise UpgradeRequired("This URL accepts WebSockets only.", headers={"Upgrade": "websocket"})
        origins = headers.get_all("Origin")
        if not all(self._is_allowed(origin, headers.get_all("Host")) for origin in origins):
            raise Forbidden("This origin is not allowed. An operator can add it to CORS_ORIGINS.", code="origin")

    def _is_allowed(self, origin: str, hosts: Iterable[str]) -> bool:
        """Whether a browser application may connect: one of CORS_ORIGINS, or of the same host. Others send none."""
        return origin in self._origins or urlsplit(origin).netloc in hosts


def origin_of(connection: ServerConnection, request: Request) -> Origin:
    """Where a connection comes from."""
    address = connection.remote_address
    headers = {name: values[-1] for name in _ADDRESS_HEADERS if (values := request.headers.get_all(name))}
    return Origin(address[0] if isinstance(address, tuple) else "", headers)


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def problem_response(problem: Problem, path: str) -> Response:
    """The response of a problem."""
    body = orjson.dumps(problem.body(instance=path, request_id=None))
    return _response(problem.status, body, "application/problem+json", problem.headers)


def _response(status: int, body: bytes, kind: str, more: dict[str, str] | None = None) -> Response:
    headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store", **(more or {})}
    return Response(status, HTTPStatus(status).phrase, Headers({**headers, "Connection": "close"}), body)
