"""Integrations and their logs."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, post_dump, validate, validates_schema

from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import FreeJson, Text, UtcDateTime
from heidi_common.schemas.validators import not_blank
from heidi_services.integration.providers.registry import PROVIDERS
from heidi_services.integration.schemas.configuration import CONFIG_DOC, CREDENTIALS_DOC, CredentialsField
from heidi_services.integration.schemas.endpoint_auth import EndpointAuthIn

_PROVIDERS = validate.OneOf(PROVIDERS)
ENDPOINT_AUTH_DOC = {
    "description": "Authentication at `webhookUrl`, besides the signature: a bearer token, basic, custom headers, "
    "OAuth 2 client credentials or a client certificate. It is replaced as a whole (null removes it)."
}


class IntegrationIn(Schema):
    provider = fields.String(required=True, validate=_PROVIDERS)
    name = Text(required=True, max=200, validate=not_blank)
    webhook_url = Text(max=2000, allow_none=True)
    config = FreeJson(allow_none=True, metadata=CONFIG_DOC)
    credentials = CredentialsField(allow_none=True, load_only=True, metadata=CREDENTIALS_DOC)
    endpoint_auth = fields.Nested(EndpointAuthIn, allow_none=True, load_only=True, metadata=ENDPOINT_AUTH_DOC)
    is_active = fields.Boolean(truthy={True}, falsy={False})


class IntegrationPatch(Schema):
    """`credentials` are merged by name, and null removes one. `config` is replaced. `provider` cannot change."""

    name = Text(max=200, validate=not_blank)
    webhook_url = Text(max=2000, allow_none=True)
    config = FreeJson(allow_none=True, metadata=CONFIG_DOC)
    credentials = CredentialsField(removable=True, allow_none=True, load_only=True, metadata=CREDENTIALS_DOC)
    endpoint_auth = fields.Nested(EndpointAuthIn, allow_none=True, load_only=True, metadata=ENDPOINT_AUTH_DOC)
    is_active = fields.Boolean(truthy={True}, falsy={False})

    @validates_schema
    def require_a_change(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("Specify at least one field to change.")


class IntegrationOut(Schema):
    id = fields.UUID(required=True)
    user_id = fields.UUID(required=True)
    provider = fields.String(required=True, validate=_PROVIDERS)
    name = fields.String(required=True)
    webhook_url = fields.String(allow_none=True)
    config = fields.Dict(required=True)
    is_active = fields.Boolean(required=True)
    has_credentials = fields.Boolean(required=True)
    endpoint_auth = fields.Dict(
        attribute="endpoint_auth_info",
        allow_none=True,
        metadata={
            "description": "How requests to `webhookUrl` are authenticated: `type` and what is not secret.",
        },
    )
    is_forwarding = fields.Boolean(
        required=True,
        metadata={"description": "Whether events are forwarded: it is active and has a `webhookUrl` and `eventTypes`."},
    )
    last_sync_at = UtcDateTime(allow_none=True)
    disabled_reason = fields.String(allow_none=True)
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)


class IntegrationCreatedOut(IntegrationOut):
    """Only this response contains the secrets. `secret` is present only if it was generated for a WEBHOOK."""

    signing_secret = fields.String(
        required=True, metadata={"description": "Verifies the webhooks that are sent to `webhookUrl`."}
    )
    secret = fields.String(metadata={"description": "The sender signs its webhooks with it, if you provided none."})

    @post_dump
    def omit_missing_secret(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name != "secret" or value is not None}


class ProviderOut(Schema):
    name = fields.String(required=True)
    description = fields.String(required=True)
    credentials = fields.List(fields.String(), required=True)
    receiver = fields.String(required=True, metadata={"description": "The path that the provider calls."})
    config = fields.Dict(required=True, metadata={"description": "The JSON schema of `config`."})


class SecretOut(Schema):
    signing_secret = fields.String(required=True)


class ConnectionCheckOut(Schema):
    ok = fields.Boolean(required=True)
    status = fields.Integer(allow_none=True)
    duration_ms = fields.Integer(required=True)
    detail = fields.String(required=True)


class IntegrationQuery(PageQuery):
    q = Text(max=100, metadata={"description": "part of the name, whatever its case and accents"})
    is_failing = fields.Boolean(metadata={"description": "whether deliveries to the endpoint fail at present"})
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
