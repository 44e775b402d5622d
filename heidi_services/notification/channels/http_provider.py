"""One call of a vendor's HTTP API, and what its answer means where the vendor says nothing of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests

from heidi_common.http_client.client import HttpClient
from heidi_common.http_client.errors import BlockedURLError, OutboundError
from heidi_services.notification.channels.message import Outcome, Result

TIMEOUT_SECONDS = 15.0
Read = Callable[[requests.Response], Result | None]
"""A vendor's own reading of its answer; None leaves it to the status."""


def call(client: HttpClient, provider: str, url: str, read: Read, *, trusted: bool = True, **request: Any) -> Result:
    """POST to the vendor. Never raises for what happened on the way."""
    try:
        answer = client.request("POST", url, timeout=TIMEOUT_SECONDS, trusted=trusted, **request)
    except OutboundError as error:
        return _unanswered(provider, error)
    return read(answer) or by_status(provider, answer)


def by_status(provider: str, answer: requests.Response) -> Result:
    """2xx was taken, 429 and 5xx are for later, 401 and 403 are our own settings, the rest is refused for good."""
    code, said = str(answer.status_code), answer.text[:300]
    if answer.ok:
        return Result(Outcome.SENT, provider, code=code)
    if answer.status_code == 429 or answer.status_code >= 500:
        return Result(Outcome.TEMPORARY, provider, code=code, error=said, retry_after=retry_after(answer))
    if answer.status_code in (401, 403):
        return Result(Outcome.TECHNICAL, provider, code=code, error=said, final=True)
    return Result(Outcome.PERMANENT, provider, code=code, error=said)


def retry_after(answer: requests.Response) -> float | None:
    """Seconds; the form with a date is not used by these vendors."""
    raw = answer.headers.get("Retry-After", "")
    return float(raw) if raw.isascii() and raw.isdigit() and len(raw) < 7 else None


def body_of(answer: requests.Response) -> dict[str, Any]:
    """The JSON object of an answer; empty when it is none."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _unanswered(provider: str, error: OutboundError) -> Result:
    outcome = Outcome.AMBIGUOUS if error.ambiguous else Outcome.TECHNICAL
    if isinstance(error, BlockedURLError):
        return Result(Outcome.PERMANENT, provider, error=error.detail, dead=True)
    return Result(outcome, provider, error=f"{type(error).__name__}: {error.detail}")
