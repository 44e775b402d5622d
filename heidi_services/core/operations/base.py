"""What a kind of operation is: steps, each of which may be repeated, and most of which can be undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from heidi_common.peers.client import call_peer
from heidi_common.peers.models import PeerRequest, PeerResponse
from heidi_common.schemas.base import Schema

JSON = dict[str, Any]
_TIME_LIMIT = 10.0


class Refused(Exception):
    """The step cannot be done, now or later."""


class Later(Exception):
    """The step cannot be done now: a service is away or busy."""


@dataclass(frozen=True)
class Order:
    """What a step needs to know. `results` are those of the steps before, by name."""

    operation_id: UUID
    input: JSON
    requested_by: UUID | None
    authorization: str
    results: dict[str, JSON] = field(default_factory=dict)

    def send(self, service: str, method: str, path: str, json: Any = None, *, gone_is_done: bool = False) -> Any:
        """One call to a service. Sent again after a crash or a lost answer, a POST has its effect once."""
        headers = {"Authorization": self.authorization}
        if method == "POST":
            headers["Idempotency-Key"] = f"operation:{self.operation_id}:{path}"
        reply = call_peer(PeerRequest(service, path, method=method, json=json, headers=headers), timeout=_TIME_LIMIT)
        if reply.ok or (gone_is_done and reply.status == 404):
            return reply.data
        raise _trouble(service, reply)

    def get(self, service: str, path: str, **params: Any) -> Any:
        reply = call_peer(
            PeerRequest(service, path, params, headers={"Authorization": self.authorization}), timeout=_TIME_LIMIT
        )
        if reply.ok:
            return reply.data
        raise _trouble(service, reply)


def _trouble(service: str, reply: PeerResponse) -> Exception:
    """Away, busy or broken may pass; anything else is an answer. Its own text is left out: it may repeat input."""
    if reply.status is None:
        return Later(f"{service} gave no answer ({reply.error})")
    code = reply.body.get("code") if isinstance(reply.body, dict) else None
    text = f"{service} answered {reply.status}" + (f" ({code})" if code else "")
    if reply.status >= 500 or reply.status == 429 or code == "idempotency_in_flight":
        return Later(text)
    return Refused(text)


@dataclass(frozen=True)
class Step:
    name: str
    do: Callable[[Order], JSON]
    undo: Callable[[Order, JSON], object] | None = None
    """Gets what `do` returned. The last step needs none: nothing can fail after it."""


@dataclass(frozen=True)
class Kind:
    """`input` is the schema of what is given; `show` gives what of it may be seen afterwards."""

    input: type[Schema]
    steps: Sequence[Step]
    show: Callable[[JSON], JSON]
