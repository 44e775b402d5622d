"""Read from the services: one call per service for everything that a level of the query needs, all in parallel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from graphql import DocumentNode
from strawberry.dataloader import DataLoader

from heidi_common.interceptors.idempotency import HEADER, check_key
from heidi_common.peers.batches import MAX_READS, combine, separate
from heidi_common.peers.client import submit_peer
from heidi_common.peers.models import PeerRequest, PeerResponse
from heidi_common.problems import BadRequest
from heidi_services.core.graphql.errors import rejection, service_error

API = "/api/v1"
TIME_LIMIT = 5.0
"""Seconds for a call to a service."""
Key = tuple[str, tuple[tuple[str, Any], ...]]
"""A read: its path, and its parameters."""


@dataclass
class Services:
    """The services, as one request to GraphQL reads and changes them.

    Attributes:
        headers: The headers that pass the caller on.
        deadline: When the request must end, in seconds of `time.monotonic()`.
        document: What is executed.
    """

    headers: Mapping[str, str]
    deadline: float
    document: DocumentNode
    _loaders: dict[str, DataLoader[Key, PeerResponse]] = field(default_factory=dict)

    async def read(self, service: str, path: str, params: Mapping[str, Any] | None = None) -> PeerResponse:
        """Read from a service, in one call with everything that is read from it at the same time.

        Args:
            service: The name of the service.
            path: The path after `/api/v1`.
            params: The query; members that are None are left out.

        Raises:
            GraphQLError: The service is unavailable, or rejects the request.
        """
        sent = tuple(sorted((name, _text(value)) for name, value in (params or {}).items() if value is not None))
        response = await self._loader(service).load((path, sent))
        if not response.ok:
            raise service_error(service, response)
        return response

    async def change(
        self, service: str, method: str, path: str, json: Any = None, *, idempotency_key: str | None = None
    ) -> Any:
        """Change something by one call. What was read before is read again afterwards.

        Args:
            service: The name of the service.
            method: The method of HTTP.
            path: The path after `/api/v1`.
            json: The body.
            idempotency_key: As the client sent it.

        Returns:
            `data` of the response.

        Raises:
            GraphQLError: The key is malformed, the service is unavailable, or rejects the request.
        """
        headers = {**self.headers, **_key_header(idempotency_key)}
        call = PeerRequest(service, API + path, method=method, json=json, headers=headers)
        response = await self._call(call)
        self._loaders.clear()
        if not response.ok:
            raise service_error(service, response)
        return response.data

    def _loader(self, service: str) -> DataLoader[Key, PeerResponse]:
        if service not in self._loaders:
            self._loaders[service] = DataLoader(partial(self._load, service), max_batch_size=MAX_READS)
        return self._loaders[service]

    async def _load(self, service: str, keys: list[Key]) -> list[PeerResponse]:
        reads = [PeerRequest(service, API + path, dict(params), headers=self.headers) for path, params in keys]
        return separate(await self._call(combine(reads)), len(reads))

    async def _call(self, call: PeerRequest) -> PeerResponse:
        remaining = max(0.1, self.deadline - time.monotonic())
        return await asyncio.wrap_future(submit_peer(call, timeout=min(TIME_LIMIT, remaining)))


def _key_header(key: str | None) -> dict[str, str]:
    """The header of an idempotency key. It is checked first: a string of GraphQL may hold a line feed."""
    if key is None:
        return {}
    try:
        check_key(key)
    except BadRequest as error:
        raise rejection(error.code, str(error)) from None
    return {HEADER: key}


def _text(value: Any) -> Any:
    """A value in a query string."""
    return str(value).lower() if isinstance(value, bool) else value if isinstance(value, int) else str(value)
