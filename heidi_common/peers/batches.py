"""Several reads of one service in one call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from werkzeug.datastructures import Headers

from heidi_common.crypto.signed_values import value_signer
from heidi_common.peers.models import PeerRequest, PeerResponse

BATCH_PATH = "/internal/batch"
MAX_READS = 100
SIGNATURE_HEADER = "X-Heidi-Batch"
"""Proves that a service has composed the batch: a signature of its reads and of the access token, if there is one."""


def combine(reads: Sequence[PeerRequest]) -> PeerRequest:
    """Make one call of several reads (GET) of one service by one caller. A single read stays as it is."""
    first = reads[0]
    if len(reads) == 1:
        return first
    parts = [{"path": read.path, "params": dict(read.params)} for read in reads]
    signature = value_signer("batch").get_signature(_signed_text(parts, first.headers)).decode()
    headers = {**first.headers, SIGNATURE_HEADER: signature}
    return PeerRequest(first.service, BATCH_PATH, method="POST", json=parts, headers=headers)


def is_signed(parts: object, headers: Mapping[str, str] | Headers) -> bool:
    """Whether a service has composed this batch for this caller."""
    return value_signer("batch").verify_signature(_signed_text(parts, headers), headers.get(SIGNATURE_HEADER, ""))


def _signed_text(parts: object, headers: Mapping[str, str] | Headers) -> str:
    return json.dumps([headers.get("Authorization"), parts], sort_keys=True)


def separate(response: PeerResponse, count: int) -> list[PeerResponse]:
    """The responses of `count` reads in the response of the call that `combine` has made of them."""
    if count == 1 or not response.ok:
        return [response] * count
    return [PeerResponse(part["status"], part["body"], latency_ms=response.latency_ms) for part in response.body]
