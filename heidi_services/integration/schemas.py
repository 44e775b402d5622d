"""What may come in, what goes out."""

from __future__ import annotations

import re
from typing import Any

import orjson
from marshmallow import ValidationError, fields, post_dump, validate, validates_schema

from heidi_common.messaging.events import CustomEvent, all_event_types, matches
from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import FreeJson, Text, UtcDateTime, iso
from heidi_common.schemas.validators import not_blank
from heidi_services.integration.models import DeliveryStatus, ProviderName
from heidi_services.integration.providers.custom import ALGORITHMS, ENCODINGS, SCHEMES

_PATTERN = re.compile(r"\*|[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*(\.\*)?")
_HEADER = validate.Regexp(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z", error="This is not the name of a header.")
_CREDENTIAL_NAME = validate.Regexp(r"[A-Za-z]{1,50}\Z", error="There is no such credential.")
_PROVIDERS = validate.OneOf([name.value for name in ProviderName])
_TOLERANCE = validate.Range(1, 7 * 86400)
_CONFIG = {
    "description": "`eventTypes` (which facts go to `webhookUrl`: `user.created`, `user.*`, `*`; without it none do), "
    "`verify` (how a CUSTOM sender proves itself), `tolerance` (seconds a SENDGRID signature's time may be off)."
}
_CREDENTIALS = {
    "description": "STRIPE: apiKey, webhookSecret. SENDGRID: apiKey, webhookPublicKey. TWILIO: accountSid, authToken. "
    "SLACK: botToken, signingSecret. WEBHOOK: secret (made here when left out). CUSTOM: secret, token, username, "
    "password. They can be replaced, never read."
}


def _printable(value: str) -> None:
    """A line break in a credential would be one in a header."""
    if not value.isprintable():
        raise ValidationError("Only printable characters.")


def _event_pattern(value: str) -> None:
    if not _PATTERN.fullmatch(value):
        raise ValidationError("An event type such as user.created, user.* or *.")
    known = [fact.type for fact in all_event_types()]
    of_ones_own = value.startswith(CustomEvent.type.removesuffix("*"))
    if not of_ones_own and not any(matches(value, kind) for kind in known):
        raise ValidationError(f"There is no such event; there are {', '.join(known)}.")


class VerifyIn(Schema):
    """How a CUSTOM sender proves itself; which fields belong together is checked with the credentials."""

    scheme = fields.String(required=True, validate=validate.OneOf(sorted(SCHEMES)))
    header = Text(max=100, validate=_HEADER)
    prefix = fields.String(validate=[validate.Length(max=50), validate.ContainsNoneOf("\r\n\0")])
    algorithm = fields.String(validate=validate.OneOf(sorted(ALGORITHMS)))
    encoding = fields.String(validate=validate.OneOf(sorted(ENCODINGS)))
    template = Text(max=200)
    timestamp_header = Text(max=100, validate=_HEADER)
    tolerance = fields.Integer(strict=True, validate=_TOLERANCE)
    id_path = Text(max=200)
    type_path = Text(max=200)


class ConfigIn(FreeJson):
    """`eventTypes`, `verify`, `tolerance`: what is misspelt would be without effect, and nobody would know."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[Any, Any]:
        found = super()._deserialize(value, attr, data, **kwargs)
        # Checked, not converted: what was written comes back as it was.
        _KnownConfig().load(found)
        return found


class _KnownConfig(Schema):
    event_types = fields.List(fields.String(validate=_event_pattern), validate=validate.Length(max=50))
    verify = fields.Nested(VerifyIn)
    tolerance = fields.Integer(strict=True, validate=_TOLERANCE)


class Credentials(fields.Dict):
    """Names and values; which names there are depends on the provider. `removable`: null takes one away."""

    def __init__(self, *, removable: bool = False, **kwargs: Any) -> None:
        super().__init__(keys=fields.String(), values=fields.String(allow_none=removable), **kwargs)
        self.one = Text(max=4096, validate=_printable, allow_none=removable)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[Any, Any]:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        found, errors = {}, {}
        for name, secret in value.items():
            try:
                _CREDENTIAL_NAME(name)
                found[name] = self.one.deserialize(secret)
            except ValidationError as error:
                errors[name] = error.messages
        if errors or len(value) > 10:
            raise ValidationError(errors or "There are too many.")
        return found


class IntegrationIn(Schema):
    provider = fields.String(required=True, validate=_PROVIDERS)
    name = Text(required=True, max=200, validate=not_blank)
    webhook_url = Text(max=2000, allow_none=True)
    config = ConfigIn(allow_none=True, metadata=_CONFIG)
    credentials = Credentials(allow_none=True, load_only=True, metadata=_CREDENTIALS)
    is_active = fields.Boolean(truthy={True}, falsy={False})


class IntegrationPatch(Schema):
    """`credentials` are merged by name, null removes one; `config` is replaced as a whole. The provider stays."""

    name = Text(max=200, validate=not_blank)
    webhook_url = Text(max=2000, allow_none=True)
    config = ConfigIn(allow_none=True, metadata=_CONFIG)
    credentials = Credentials(removable=True, allow_none=True, load_only=True, metadata=_CREDENTIALS)
    is_active = fields.Boolean(truthy={True}, falsy={False})

    @validates_schema
    def something_is_given(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("Nothing to change is given.")


class IntegrationOut(Schema):
    id = fields.UUID(required=True)
    user_id = fields.UUID(required=True)
    provider = fields.String(required=True, validate=_PROVIDERS)
    name = fields.String(required=True)
    webhook_url = fields.String(allow_none=True)
    config = fields.Dict(required=True)
    is_active = fields.Boolean(required=True)
    has_credentials = fields.Boolean(required=True)
    is_forwarding = fields.Boolean(
        required=True, metadata={"description": "facts go to `webhookUrl`: it is active, and `eventTypes` names some"}
    )
    last_sync_at = UtcDateTime(allow_none=True)
    disabled_reason = fields.String(allow_none=True)
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)


class IntegrationCreatedOut(IntegrationOut):
    """The secrets are shown this once. `secret` only for a WEBHOOK whose secret was made here."""

    signing_secret = fields.String(required=True, metadata={"description": "verifies what goes to `webhookUrl`"})
    secret = fields.String(metadata={"description": "signs what comes in, when none was given"})

    @post_dump
    def without_none(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name != "secret" or value is not None}


class SecretOut(Schema):
    signing_secret = fields.String(required=True)


class CheckedOut(Schema):
    ok = fields.Boolean(required=True)
    status = fields.Integer(allow_none=True)
    duration_ms = fields.Integer(required=True)
    detail = fields.String(required=True)


class IntegrationQuery(PageQuery):
    user_id = fields.UUID()
    provider = fields.String(validate=_PROVIDERS)
    is_active = fields.Boolean()


class LogQuery(PageQuery):
    direction = fields.String(validate=validate.OneOf(["IN", "OUT"]))
    action = Text(max=50)
    status = fields.String(validate=validate.OneOf(["SUCCESS", "FAILED", "REFUSED"]))


class LogOut(Schema):
    id = fields.UUID(required=True)
    direction = fields.String(required=True)
    action = fields.String(required=True)
    status = fields.String(required=True)
    status_code = fields.Integer(allow_none=True)
    duration_ms = fields.Integer(allow_none=True)
    request = fields.Dict(allow_none=True)
    response = fields.Dict(allow_none=True)
    error = fields.String(allow_none=True)
    created_at = UtcDateTime(required=True)


class EventQuery(PageQuery):
    type = Text(max=255)


class EventOut(Schema):
    """`payload` is the JSON that came, or its text when it was not JSON."""

    id = fields.UUID(required=True)
    integration_id = fields.UUID(required=True)
    provider_event_id = fields.String(required=True)
    type = fields.String(required=True)
    payload = fields.Function(lambda event: payload(event.body))
    created_at = UtcDateTime(required=True)


def payload(body: bytes) -> Any:
    """What can be said in JSON again; depth that can be read but not written is shown as text."""
    try:
        found = orjson.loads(body)
        orjson.dumps(found)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return body.decode("utf-8", "replace")
    return found


class ReceivedOut(Schema):
    received = fields.Integer(required=True)
    stored = fields.Integer(required=True)


class DeliveryQuery(PageQuery):
    status = fields.String(validate=validate.OneOf([status.value for status in DeliveryStatus]))
    event_type = Text(max=255)


class DeliveryOut(Schema):
    id = fields.UUID(required=True)
    integration_id = fields.UUID(required=True)
    event_id = fields.UUID(required=True)
    event_type = fields.String(required=True)
    status = fields.String(required=True)
    attempts = fields.Integer(required=True)
    next_attempt_at = fields.Function(lambda row: _next_attempt(row))
    response_status = fields.Integer(allow_none=True)
    last_error = fields.String(allow_none=True)
    delivered_at = UtcDateTime(allow_none=True)
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)


def _next_attempt(row: Any) -> str | None:
    """Only something that is still to be done has a next time."""
    return iso(row.next_attempt_at) if row.status == DeliveryStatus.PENDING else None


class DeliveryAttemptOut(Schema):
    id = fields.UUID(required=True)
    number = fields.Integer(required=True)
    outcome = fields.String(required=True)
    status_code = fields.Integer(allow_none=True)
    response = fields.String(allow_none=True)
    error = fields.String(allow_none=True)
    duration_ms = fields.Integer(required=True)
    created_at = UtcDateTime(required=True)


class DeliveryDetailOut(DeliveryOut):
    body = fields.String(required=True)
    tries = fields.List(fields.Nested(DeliveryAttemptOut), data_key="attemptLog")


class RecoverIn(Schema):
    since = UtcDateTime(required=True)


class RecoveredOut(Schema):
    recovered = fields.Integer(required=True)
