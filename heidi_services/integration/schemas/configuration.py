"""The fields `config` and `credentials` of an integration."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import ValidationError, fields, validate

from heidi_common.messaging.events import CustomEvent, all_event_types, matches
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import FreeJson, Text
from heidi_common.schemas.validators import Length
from heidi_services.integration.providers.custom import ALGORITHMS, ENCODINGS, SCHEMES
from heidi_services.integration.providers.registry import PROVIDERS

MAX_CREDENTIALS = 10
_PATTERN = re.compile(r"\*|[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*(\.\*)?")
_CUSTOM_PREFIX = CustomEvent.type.removesuffix("*")
_HEADER = validate.Regexp(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z", error="Must be a valid header name.")
_CREDENTIAL_NAME = validate.Regexp(r"[A-Za-z]{1,50}\Z", error="Must be the name of a credential: 1 to 50 letters.")
_TOLERANCE = validate.Range(1, 7 * 86400)
_NAMES_BY_PROVIDER = " ".join(f"{name}: {', '.join(item.credential_names)}." for name, item in PROVIDERS.items())

CONFIG_DOC = {
    "description": "`eventTypes`: which events are forwarded to `webhookUrl` (`user.created`, `user.*`, `*`); without "
    "it, none are. `verify`: how a CUSTOM sender signs or authenticates its webhooks. `tolerance`: how many seconds "
    "the timestamp of a SENDGRID signature may differ from the time of receipt."
}
CREDENTIALS_DOC = {
    "description": f"{_NAMES_BY_PROVIDER} For WEBHOOK, a secret is generated if you omit it. Credentials can be "
    "replaced, but never read."
}


def _printable(value: str) -> None:
    """A line break in a credential would inject a header when the credential is sent."""
    if not value.isprintable():
        raise ValidationError("Must contain only printable characters.")


def _event_pattern(value: str) -> None:
    if not _PATTERN.fullmatch(value):
        raise ValidationError("Must be an event type such as user.created, or a pattern such as user.* or *.")
    event_types = [event.type for event in all_event_types()]
    is_custom = value.startswith(_CUSTOM_PREFIX)
    if not is_custom and not any(matches(value, event_type) for event_type in event_types):
        raise ValidationError(f"Matches no event type. The event types are: {', '.join(event_types)}.")


class VerifyIn(Schema):
    """How a CUSTOM sender signs or authenticates. The provider checks which fields belong together."""

    scheme = fields.String(required=True, validate=validate.OneOf(sorted(SCHEMES)))
    header = Text(max=100, validate=_HEADER)
    prefix = fields.String(validate=[Length(max=50), validate.ContainsNoneOf("\r\n\0")])
    algorithm = fields.String(validate=validate.OneOf(sorted(ALGORITHMS)))
    encoding = fields.String(validate=validate.OneOf(sorted(ENCODINGS)))
    template = Text(max=200)
    timestamp_header = Text(max=100, validate=_HEADER)
    tolerance = fields.Integer(strict=True, validate=_TOLERANCE)
    id_path = Text(max=200)
    type_path = Text(max=200)


class _ConfigFields(Schema):
    event_types = fields.List(fields.String(validate=_event_pattern), validate=Length(max=50))
    verify = fields.Nested(VerifyIn)
    tolerance = fields.Integer(strict=True, validate=_TOLERANCE)


class ConfigIn(FreeJson):
    """`eventTypes`, `verify`, `tolerance`. Unknown names are rejected: a misspelled name would have no effect."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[Any, Any]:
        config = super()._deserialize(value, attr, data, **kwargs)
        # The result of load() is ignored: the config is stored as the caller sent it.
        _ConfigFields().load(config)
        return config


class CredentialsField(fields.Dict):
    """Credentials by name. The provider determines which names are valid. `removable`: null removes a credential."""

    def __init__(self, *, removable: bool = False, **kwargs: Any) -> None:
        super().__init__(keys=fields.String(), values=fields.String(allow_none=removable), **kwargs)
        self.credential = Text(max=4096, validate=_printable, allow_none=removable)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[Any, Any]:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        credentials, errors = {}, {}
        for name, credential in value.items():
            try:
                _CREDENTIAL_NAME(name)
                credentials[name] = self.credential.deserialize(credential)
            except ValidationError as error:
                errors[name] = error.messages
        if errors or len(value) > MAX_CREDENTIALS:
            raise ValidationError(errors or f"Must not contain more than {MAX_CREDENTIALS} credentials.")
        return credentials
