"""Which operations support ETags and idempotency keys, derived from the OpenAPI documents.

A new GET of a single resource needs an ETag, a change of such a resource `If-Match`, and a POST `Idempotency-Key`,
unless it is listed here with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.architecture.routing import Endpoint, endpoints

SECRET = "the response contains a secret or a token, which must not be stored"
PUBLIC = "called without a user to whom a key could belong"
STATE = "sets a state: a repetition has no effect"
READS = "creates and sends nothing"
STREAMED = "the body is not read twice; equal content of an owner is stored once, and uploads can be continued"
THIRD_PARTY = "called by a third party; events are recognized by the provider's ID"

WITHOUT_IDEMPOTENCY_KEY: Mapping[str, str] = {
    "/api/v1/auth/register": SECRET,
    "/api/v1/auth/login": SECRET,
    "/api/v1/auth/mfa/verify": SECRET,
    "/api/v1/auth/mfa/totp": SECRET,
    "/api/v1/auth/mfa/totp/confirm": SECRET,
    "/api/v1/auth/mfa/recovery-codes": SECRET,
    "/api/v1/auth/refresh": SECRET,
    "/api/v1/auth/token": SECRET,
    "/api/v1/auth/clients": SECRET,
    "/api/v1/auth/clients/{client_id}/rotate": SECRET,
    "/api/v1/integrations": SECRET,
    "/api/v1/integrations/{integration_id}/rotate-secret": SECRET,
    "/api/v1/files/{file_id}/links": SECRET,
    "/api/v1/files": STREAMED,
    "/api/v1/files/uploads": STREAMED,
    "/api/v1/auth/password/forgot": PUBLIC,
    "/api/v1/auth/password/reset": PUBLIC,
    "/api/v1/auth/email/verify": PUBLIC,
    "/api/v1/auth/email/change/confirm": PUBLIC,
    "/api/v1/auth/email/change/revert": PUBLIC,
    "/api/v1/cities/nearby": READS,
    "/api/v1/auth/logout": STATE,
    "/api/v1/auth/logout-all": STATE,
    "/api/v1/auth/password/change": STATE,
    "/api/v1/notifications/{notification_id}/read": STATE,
    "/api/v1/notifications/{notification_id}/unread": STATE,
    "/api/v1/notifications/read-all": STATE,
    "/api/v1/notifications/unsubscribe/{token}": STATE,
    "/api/v1/schedules/pause": STATE,
    "/api/v1/schedules/resume": STATE,
    "/api/v1/schedules/{schedule_id}/enable": STATE,
    "/api/v1/schedules/{schedule_id}/disable": STATE,
    "/api/v1/schedules/{schedule_id}/runs/{run_id}/cancel": STATE,
    "/api/v1/schedules/{schedule_id}/backfill/cancel": STATE,
    "/api/v1/schedules/monitors": SECRET,
    "/api/v1/schedules/monitors/{monitor_id}/rotate-key": SECRET,
    "/api/v1/schedules/monitors/{monitor_id}/pause": STATE,
    "/api/v1/schedules/monitors/{monitor_id}/resume": STATE,
    "/ping/{token}": "called by jobs; a repeated ping is a ping",
    "/ping/{token}/{outcome}": "called by jobs; a repeated ping is a ping",
    "/api/v1/auth/validate": READS,
    "/api/v1/auth/introspect": READS,
    "/api/v1/notifications/templates/{template_id}/preview": READS,
    "/api/v1/schedules/preview": READS,
    "/api/v1/notifications/receipts/{provider}": THIRD_PARTY,
    "/api/v1/webhooks/{provider}/{integration_id}": THIRD_PARTY,
    "/api/v1/graphql": "mutations that create or send take `idempotencyKey`",
}
MOMENT = "measured when it is read, with the time of the measurement"
WITHOUT_ETAG: Mapping[str, str] = {
    "/api/v1/core/status": MOMENT,
    "/api/v1/core/overview": MOMENT,
    "/api/v1/core/overview/series": MOMENT,
    "/api/v1/users/me/export": MOMENT,
    "/api/v1/users/{user_id}/export": "each export is audited",
    "/api/v1/auth/audit/addresses/{fingerprint}": "each read is audited",
    "/api/v1/auth/audit/integrity": "each verification is audited",
    "/api/v1/schedules/{schedule_id}/upcoming": MOMENT,
    "/api/v1/notifications/unsubscribe/{token}": "a page, or JSON of two words",
    "/.well-known/jwks.json": "has its own Cache-Control, as RFC 7517 expects",
}


def without_idempotency_key(operations: Iterable[Endpoint], reasons: Mapping[str, str]) -> list[str]:
    """Find the POST operations without `Idempotency-Key` and without a reason, and the reasons without such a POST."""
    lacking = {endpoint.path for endpoint in operations if endpoint.method == "post" and not _has(endpoint, _KEY)}
    return sorted(lacking - set(reasons)) + [f"{path}: the reason is not needed" for path in set(reasons) - lacking]


def without_etag(documents: Mapping[str, Mapping[str, Any]], reasons: Mapping[str, str]) -> list[str]:
    """Find the single resources without an ETag and without a reason, and the reasons without such a resource."""
    lacking = {
        endpoint.path
        for endpoint in endpoints(documents)
        if endpoint.method == "get"
        and _is_single(endpoint, documents[endpoint.service])
        and not _has(endpoint, "If-None-Match")
    }
    return sorted(lacking - set(reasons)) + [f"{path}: the reason is not needed" for path in set(reasons) - lacking]


def without_if_match(operations: Iterable[Endpoint]) -> Iterator[str]:
    """Find the changes of a resource with an ETag that do not honor `If-Match`."""
    operations = list(operations)
    tagged = {each.path for each in operations if each.method == "get" and _has(each, "If-None-Match")}
    for each in operations:
        if each.method in ("put", "patch", "delete") and each.path in tagged and not _has(each, "If-Match"):
            yield f"{each.method.upper()} {each.path}"


_KEY = "Idempotency-Key"


def _has(endpoint: Endpoint, header: str) -> bool:
    return any(parameter.get("name") == header for parameter in endpoint.doc.get("parameters", ()))


def _is_single(endpoint: Endpoint, document: Mapping[str, Any]) -> bool:
    """Whether a success is a JSON object whose `data` is not a list."""
    content = endpoint.doc["responses"].get("200", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    if schema is None:
        return False
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    data: Mapping[str, Any] = schema.get("properties", {}).get("data", {})
    return data.get("type") != "array"
