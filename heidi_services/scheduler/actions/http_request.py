"""The action http.request: call a URL. The HTTP client refuses private addresses."""

import re
from functools import partial
from http import HTTPStatus

import requests
from marshmallow import ValidationError, fields, validate, validates_schema

from heidi_common.database.models import storable_text
from heidi_common.http_client.client import HttpClient, http_client
from heidi_common.http_client.errors import BlockedURLError, OutboundError, ResponseTooLarge, TimedOut
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import FreeJson, Text, iso
from heidi_common.schemas.validators import Length, callable_url
from heidi_services.scheduler.actions.base import JSON, ActionFailed, ActionResult, RunContext
from heidi_services.scheduler.actions.cancellation import call_unless_cancelled

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
MAX_STORED_BYTES = 4096
"""Limit for the response body in the run's result."""
RETRYABLE = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
RESERVED_HEADERS = {"host", "content-length", "transfer-encoding", "connection", "idempotency-key"}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"([!-~][ -~]*)?")


def _valid_headers(headers: dict[str, str]) -> None:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValidationError(f"The header {name!r} has a name or value that HTTP does not allow.")
        if name.lower() in RESERVED_HEADERS:
            raise ValidationError(f"The scheduler sets the header {name} itself; remove it.")


class HttpRequestPayload(Schema):
    method = fields.String(load_default="GET", validate=validate.OneOf(METHODS))
    url = Text(required=True, max=2000, validate=callable_url)
    headers = fields.Dict(keys=Text(max=100), values=Text(min=0, max=4000), validate=[Length(max=30), _valid_headers])
    json = FreeJson(metadata={"description": "Body as a JSON object"})
    body = Text(max=16_384, metadata={"description": "Body as text"})
    timeout_seconds = fields.Integer(strict=True, validate=validate.Range(1, 300))

    @validates_schema
    def _at_most_one_body(self, data: JSON, **_: object) -> None:
        if "json" in data and "body" in data:
            raise ValidationError("Specify either `json` or `body`, not both.", "body")


class HttpRequestAction:
    name = "http.request"
    about = "Call a URL; any response but 2xx is a failure"
    payload = HttpRequestPayload
    emits_only = False

    def perform(self, context: RunContext, payload: JSON) -> ActionResult:
        response = call_unless_cancelled(context, partial(_call, http_client(), context, payload))
        body = storable_text(response.content[:MAX_STORED_BYTES].decode("utf-8", "replace"))
        if not 200 <= response.status_code < 300:
            retry = response.status_code >= 500 or response.status_code in RETRYABLE
            raise ActionFailed(f"the response status was {response.status_code}: {body[:200]}", retry=retry)
        return ActionResult({"statusCode": response.status_code, "body": body})


def _call(client: HttpClient, context: RunContext, payload: JSON) -> requests.Response:
    text = payload.get("body")
    try:
        return client.request(
            payload["method"],
            payload["url"],
            json=payload.get("json"),
            data=text.encode() if text is not None else None,
            headers=payload.get("headers", {}) | _run_headers(context),
            timeout=min(payload.get("timeout_seconds", context.timeout_seconds), context.timeout_seconds),
            max_bytes=MAX_STORED_BYTES,
            truncate=True,
        )
    except TimedOut as error:
        raise ActionFailed(error.detail, timed_out=True) from error
    except (BlockedURLError, ResponseTooLarge) as error:
        raise ActionFailed(error.detail, retry=False) from error
    except OutboundError as error:
        raise ActionFailed(error.detail) from error


def _run_headers(context: RunContext) -> dict[str, str]:
    """The receiver recognizes a repeated attempt by the same key, and a late attempt by a lower fencing token."""
    headers = {"Idempotency-Key": str(context.execution_id), "X-Heidi-Scheduled-For": iso(context.scheduled_for)}
    return headers | ({} if context.fencing_token is None else {"X-Heidi-Fence": str(context.fencing_token)})
