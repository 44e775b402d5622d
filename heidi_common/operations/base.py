"""What an operation consists of: steps, each of which may be repeated, and most of which can be undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from heidi_common.identity.scopes import Scope
from heidi_common.peers.client import call_peer
from heidi_common.peers.models import PeerRequest, PeerResponse
from heidi_common.peers.signature import REQUESTER_HEADER
from heidi_common.schemas.base import Schema

JSON = dict[str, Any]
_PAGE_SIZE = 100
_TIME_LIMIT_SECONDS = 10.0


class StepRejected(Exception):
    """The step failed permanently; another attempt would fail as well."""


class RetryLater(Exception):
    """The step failed for now: a service is unavailable or busy."""


@dataclass(frozen=True)
class StepContext:
    """What a step works with.

    Attributes:
        operation_id: The operation.
        input: Its complete input in wire form.
        requested_by: The user or machine client on whose behalf it runs.
        results: The results of the completed steps by step name.
        authorization: The Authorization header of its calls, which is renewed before each step.
    """

    operation_id: UUID
    input: JSON
    requested_by: UUID | None
    results: dict[str, JSON] = field(default_factory=dict)
    authorization: str = ""

    def get(self, service: str, path: str, **params: Any) -> Any:
        """Read from a service.

        Returns:
            The `data` of the response.

        Raises:
            RetryLater: The service is unavailable or busy.
            StepRejected: The service rejected the request.
        """
        return _data(service, _call(PeerRequest(service, path, params, headers=self._headers())))

    def get_all(self, service: str, path: str, **params: Any) -> list[Any]:
        """Read all pages of a list of a service; the arguments and exceptions are those of `get`."""
        rows: list[Any] = []
        query = {**params, "limit": _PAGE_SIZE}
        while True:
            response = _call(PeerRequest(service, path, query, headers=self._headers()))
            rows += _data(service, response)
            cursor = response.meta.get("nextCursor")
            if cursor is None:
                return rows
            query["cursor"] = cursor

    def send(self, service: str, method: str, path: str, json: Any = None, *, missing_ok: bool = False) -> Any:
        """Change something in a service.

        A POST carries an Idempotency-Key made of the operation and the path, so that repeating it after a crash or a
        lost response has no second effect.

        Args:
            service: Name of the service.
            method: HTTP method.
            path: Path from the root of the service.
            json: Body of the request.
            missing_ok: Treat 404 as success.

        Returns:
            The `data` of the response.

        Raises:
            RetryLater: The service is unavailable or busy.
            StepRejected: The service rejected the request.
        """
        headers = self._headers()
        if method == "POST":
            headers["Idempotency-Key"] = f"operation:{self.operation_id}:{path}"
        response = _call(PeerRequest(service, path, method=method, json=json, headers=headers))
        return response.data if missing_ok and response.status == 404 else _data(service, response)

    def _headers(self) -> dict[str, str]:
        requester = {REQUESTER_HEADER: str(self.requested_by)} if self.requested_by else {}
        return {"Authorization": self.authorization} | requester


@dataclass(frozen=True)
class Step:
    """One step of an operation; both functions must be safe to repeat.

    Attributes:
        name: The name under which clients see the step.
        run: Performs the step; its result is stored with the operation and shown to clients.
        undo: Reverses the step; it receives the result of `run`. The last step needs none: no step after it can fail.
    """

    name: str
    run: Callable[[StepContext], JSON]
    undo: Callable[[StepContext, JSON], object] | None = None


@dataclass(frozen=True, kw_only=True)
class OperationType:
    """An operation that clients and schedules can request.

    Attributes:
        name: The name by which it is requested.
        input: Schema of the input. Its docstring describes the operation to clients.
        steps: The steps in the order in which they run.
        redact: Reduces an input in wire form to what may be stored in plain text and shown.
        scopes: The scopes that the steps need. A machine client whose schedule requests the operation needs them too.
    """

    name: str
    input: type[Schema]
    steps: Sequence[Step]
    redact: Callable[[JSON], JSON]
    scopes: frozenset[Scope]


def _call(request: PeerRequest) -> PeerResponse:
    return call_peer(request, timeout=_TIME_LIMIT_SECONDS)


def _data(service: str, response: PeerResponse) -> Any:
    if response.ok:
        return response.data
    raise _failure(service, response)


def _failure(service: str, response: PeerResponse) -> StepRejected | RetryLater:
    """Classify a response. The text of the service's own error is left out, since it may repeat input."""
    if response.status is None:
        return RetryLater(f"{service} did not respond ({response.error})")
    code = response.body.get("code") if isinstance(response.body, dict) else None
    reason = f"{service} returned {response.status}" + (f" ({code})" if code else "")
    if response.status >= 500 or response.status == 429 or code == "idempotency_in_flight":
        return RetryLater(reason)
    return StepRejected(reason)
