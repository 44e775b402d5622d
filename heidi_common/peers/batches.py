"""Several reads of one service in one call."""

from __future__ import annotations

from collections.abc import Sequence

from heidi_common.peers.models import PeerRequest, PeerResponse

BATCH_PATH = "/internal/batch"
MAX_READS = 100


def combine(reads: Sequence[PeerRequest]) -> PeerRequest:
    """Make one call of several reads (GET) of one service by one caller. A single read stays as it is."""
    first = reads[0]
    if len(reads) == 1:
        return first
    parts = [{"path": read.path, "params": dict(read.params)} for read in reads]
    return PeerRequest(first.service, BATCH_PATH, method="POST", json=parts, headers=first.headers)


def separate(response: PeerResponse, count: int) -> list[PeerResponse]:
    """The responses of `count` reads in the response of the call that `combine` has made of them."""
    if count == 1 or not response.ok:
        return [response] * count
    return [PeerResponse(part["status"], part["body"], latency_ms=response.latency_ms) for part in response.body]
