"""What blocks runs in threads: requests through this app, calls to the services, and functions in its context."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import orjson
from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from heidi_common.peers.client import call_peer
from heidi_common.peers.models import PeerRequest
from heidi_common.problems import Problem, Unavailable

T = TypeVar("T")
THREADS = 8
JSON = dict[str, Any]


@dataclass(frozen=True)
class Origin:
    """Where a connection comes from.

    Attributes:
        address: The IP address at the other end: that of the router.
        headers: Headers of the handshake that concern the address of the client.
    """

    address: str
    headers: Mapping[str, str]


class Rejected(Exception):
    """A request was rejected. `problem` is the body of the response."""

    def __init__(self, problem: JSON) -> None:
        super().__init__(problem.get("detail"))
        self.problem = problem


def rejected(problem: Problem) -> Rejected:
    """The rejection by a problem of this process."""
    return Rejected(problem.body(instance=None, request_id=None))


class Backend:
    """The services, as this process reaches them.

    Args:
        app: The app of this role.
    """

    def __init__(self, app: Flask) -> None:
        self.app = app
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="realtime")

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function in a thread, in the context of the app."""

        def in_context() -> T:
            with self.app.app_context():
                return function(*arguments)

        return await self._in_thread(in_context)

    async def request(self, path: str, origin: Origin, token: str | None = None, **query: Any) -> JSON:
        """Send a GET request through this app.

        Args:
            path: The path of a route.
            origin: Where the connection comes from.
            token: The access token.
            **query: Parameters; those that are None are left out.

        Returns:
            `data` of the response.

        Raises:
            Rejected: The response is an error.
        """
        status, body = await self.probe(path, origin, token, **query)
        parsed = orjson.loads(body)
        if status >= 400:
            raise Rejected(parsed)
        data: JSON = parsed["data"]
        return data

    async def probe(self, path: str, origin: Origin, token: str | None = None, **query: Any) -> tuple[int, bytes]:
        """Send a GET request through this app; returns the status and the body."""
        sent = {name: value for name, value in query.items() if value is not None}
        headers = {**origin.headers} | ({"Authorization": f"Bearer {token}"} if token else {})
        return await self._in_thread(partial(_respond, self.app, path, sent, headers, origin.address))

    async def read(self, service: str, path: str, token: str, address: str | None) -> JSON:
        """Read a resource of a service with the permissions of the caller.

        Raises:
            Rejected: The service responds with an error or not at all.
        """
        headers = {"Authorization": f"Bearer {token}"} | ({"X-Forwarded-For": address} if address else {})
        response = await self.run(call_peer, PeerRequest(service, path, headers=headers))
        if response.ok:
            data: JSON = response.data
            return data
        if isinstance(response.body, dict) and response.status is not None:
            raise Rejected(response.body)
        raise rejected(Unavailable(f"The service {service} is unavailable."))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, function: Callable[[], T]) -> T:
        """Run outside of the context of the caller, as a separate request."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, Context().run, function)


def _respond(app: Flask, path: str, query: dict[str, Any], headers: dict[str, str], address: str) -> tuple[int, bytes]:
    base = {"REMOTE_ADDR": address}
    builder = EnvironBuilder(path, query_string=query, headers=list(headers.items()), environ_base=base)
    chunks, status, _ = run_wsgi_app(app.wsgi_app, builder.get_environ(), buffered=True)
    return int(status[:3]), b"".join(chunks)
