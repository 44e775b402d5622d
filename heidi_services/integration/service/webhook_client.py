"""One signed call to a `webhookUrl`, and the plain record of how it ended."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from heidi_common.http_client.client import http_client
from heidi_common.http_client.errors import BlockedURLError, OutboundError
from heidi_common.schemas.fields import iso
from heidi_services.integration.providers import standard_webhooks
from heidi_services.integration.service import redaction

TIME_LIMIT = 15
RESPONSE_KEPT = 20_000


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`status_code` is None when nothing was answered; `refused`: we do not call that address."""

    status_code: int | None
    body: str
    error: str | None
    duration_ms: int
    retry_after: float | None = None
    ambiguous: bool = False
    refused: bool = False

    @property
    def ok(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300


def message(kind: str, moment: datetime, data: Mapping[str, Any]) -> str:
    """The body of every delivery."""
    return orjson.dumps({"type": kind, "timestamp": iso(moment), "data": dict(data)}).decode()


def post_signed(url: str, secrets: list[str], message_id: str, body: str, now: datetime) -> Answer:
    """Signed for this moment with every secret that is valid. Call it outside of any transaction."""
    raw = body.encode()
    headers = {"Content-Type": "application/json"} | standard_webhooks.headers(
        secrets, message_id, int(now.timestamp()), raw
    )
    return call("POST", url, headers=headers, data=raw, secrets=secrets, now=now)


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    secrets: list[str],
    now: datetime,
    kept: int = RESPONSE_KEPT,
    **options: Any,
) -> Answer:
    """Any call; whatever goes wrong on the way is an Answer as well. `kept`: characters of the answer that are read."""
    started = time.monotonic()
    try:
        response = http_client().request(
            method, url, headers=headers, timeout=TIME_LIMIT, max_bytes=kept, truncate=True, **options
        )
    except OutboundError as error:
        return Answer(
            status_code=None,
            body="",
            error=redaction.text(f"{type(error).__name__}: {error}", secrets, 500),
            duration_ms=_since(started),
            ambiguous=error.ambiguous,
            refused=isinstance(error, BlockedURLError),
        )
    ok = 200 <= response.status_code < 300
    return Answer(
        status_code=response.status_code,
        body=redaction.text(response.content.decode("utf-8", "replace"), secrets, kept),
        error=None if ok else f"answered {response.status_code}",
        duration_ms=_since(started),
        retry_after=seconds_to_wait(response.headers.get("Retry-After", ""), now),
    )


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def seconds_to_wait(header: str, now: datetime) -> float | None:
    """`Retry-After` in seconds or as a date (RFC 9110); None when it is missing or nonsense."""
    header = header.strip()
    if header.isascii() and header.isdigit() and len(header) < 10:
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
