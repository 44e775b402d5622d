"""The field `endpointAuth` of an integration."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import Text
from heidi_common.schemas.validators import Length
from heidi_services.integration.endpoint_auth import ALLOWED, REQUIRED, TYPES

MAX_HEADERS = 10
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
_RESERVED = re.compile(
    r"(webhook-.*|svix-.*|host|content-.*|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect"
    r"|accept-encoding|x-request-id)",
    re.IGNORECASE,
)
"""The client and the signature determine these."""


def _header_value(value: str) -> None:
    """A line break would inject another header; HTTP clients reject what is not ASCII."""
    if not value.isascii() or not value.isprintable():
        raise ValidationError("Must contain only printable ASCII characters.")


def _header_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValidationError("Must be a valid header name.")
    if _RESERVED.fullmatch(name):
        raise ValidationError("This header is set by the platform. Choose another name.")


def _secret(**kwargs: Any) -> Text:
    return Text(max=4096, validate=[Length(min=1), _header_value], load_only=True, **kwargs)


class EndpointAuthIn(Schema):
    type = fields.String(required=True, validate=validate.OneOf(TYPES))
    token = _secret()
    username = Text(max=256, validate=[Length(min=1), validate.ContainsNoneOf(":\r\n")])
    password = Text(max=4096, validate=Length(min=1))
    headers = fields.Dict(
        keys=fields.String(validate=_header_name), values=_secret(), validate=Length(min=1, max=MAX_HEADERS)
    )
    token_url = Text(max=2000)
    client_id = Text(max=512, validate=Length(min=1))
    client_secret = Text(max=4096, validate=Length(min=1))
    client_auth = fields.String(
        validate=validate.OneOf(["basic", "body"]),
        metadata={"description": "How client ID and secret are sent to `tokenUrl`. RFC 6749 recommends `basic`."},
    )
    scope = Text(max=1000)
    audience = Text(max=1000)
    client_certificate = Text(max=32_768, metadata={"description": "PEM, followed by intermediate certificates."})
    client_key = Text(max=16_384, metadata={"description": "PEM, without a password."})

    @validates_schema
    def check_members(self, data: dict[str, Any], **_: Any) -> None:
        """Each type has its own members; certificate and key belong together."""
        given, required = data.keys() - {"type"}, set(REQUIRED[data["type"]])
        if "client_certificate" in given or "client_key" in given:
            required |= {"client_certificate", "client_key"}
        if data["type"] == "oauth2" and "client_certificate" not in given:
            required.add("client_secret")
        allowed = required | set(ALLOWED[data["type"]])
        errors = {self.fields[name].data_key: f"Required for the type {data['type']}." for name in required - given}
        errors |= {self.fields[name].data_key: f"Unknown for the type {data['type']}." for name in given - allowed}
        if errors:
            raise ValidationError(errors)
