"""http.request: call a URL, through the guard against private addresses."""

import re
from http import HTTPStatus

import requests
from marshmallow import ValidationError, fields, validate, validates_schema

from heidi_common.database.models import storable_text
from heidi_common.http_client.client import http_client
from heidi_common.http_client.errors import BlockedURLError, OutboundError, ResponseTooLarge, TimedOut
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import FreeJson, Text, iso
from heidi_common.schemas.validators import callable_url
from heidi_services.scheduler.actions.base import JSON, ActionFailed, Order, Outcome

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
KEPT = 4096  # bytes of the answer in the run's result
TRY_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
OURS = {"host", "content-length", "transfer-encoding", "connection", "idempotency-key"}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"([!-~][ -~]*)?")


def _is_header(headers: dict[str, str]) -> None:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValidationError(f"{name!r} is not a header that can be sent.")
        if name.lower() in OURS:
            raise ValidationError(f"{name} is set by the scheduler.")


class Payload(Schema):
    method = fields.String(load_default="GET", validate=validate.OneOf(METHODS))
    url = Text(required=True, max=2000, validate=callable_url)
    headers = fields.Dict(
        keys=Text(max=100), values=Text(min=0, max=4000), validate=[validate.Length(max=30), _is_header]
    )
    json = FreeJson(metadata={"description": "Body as a JSON object"})
    body = Text(max=16_384, metadata={"description": "Body as text"})
    timeout_seconds = fields.Integer(strict=True, validate=validate.Range(1, 300))

    @validates_schema
    def _one_body(self, data: JSON, **_: object) -> None:
        if "json" in data and "body" in data:
            raise ValidationError("Give json or body, not both.", "body")


class HttpAction:
    about = "Call a URL; any answer but 2xx is a failure"
    payload = Payload

    def perform(self, order: Order, payload: JSON) -> Outcome:
        answer = _call(order, payload)
        body = storable_text(answer.content[:KEPT].decode("utf-8", "replace"))
        if not 200 <= answer.status_code < 300:
            retry = answer.status_code >= 500 or answer.status_code in TRY_AGAIN
            raise ActionFailed(f"the answer was {answer.status_code}: {body[:200]}", retry=retry)
        return Outcome({"statusCode": answer.status_code, "body": body})


def _call(order: Order, payload: JSON) -> requests.Response:
    text = payload.get("body")
    try:
        return http_client().request(
            payload["method"],
            payload["url"],
            json=payload.get("json"),
            data=text.encode() if text is not None else None,
            headers=payload.get("headers", {}) | _marks(order),
            timeout=min(payload.get("timeout_seconds", order.timeout), order.timeout),
            max_bytes=KEPT,
            truncate=True,
        )
    except TimedOut as error:
        raise ActionFailed(error.detail, timed_out=True) from error
    except (BlockedURLError, ResponseTooLarge) as error:
        raise ActionFailed(error.detail, retry=False) from error
    except OutboundError as error:
        raise ActionFailed(error.detail) from error


def _marks(order: Order) -> dict[str, str]:
    """By these the other side can tell a repeated attempt (same key) and a late one (lower fence)."""
    marks = {"Idempotency-Key": str(order.run_id), "X-Heidi-Scheduled-For": iso(order.scheduled_for)}
    return marks | ({} if order.fence is None else {"X-Heidi-Fence": str(order.fence)})
