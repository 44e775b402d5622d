"""The fields `config` and `credentials` of an integration."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate

from heidi_common.schemas.fields import Text
from heidi_services.integration.providers.registry import PROVIDERS

MAX_CREDENTIALS = 10
_CREDENTIAL_NAME = validate.Regexp(r"[A-Za-z]{1,50}\Z", error="Must be the name of a credential: 1 to 50 letters.")
_NAMES_BY_PROVIDER = " ".join(f"{name}: {', '.join(item.credential_names)}." for name, item in PROVIDERS.items())

CONFIG_DOC = {
    "description": "`eventTypes`: which events are forwarded to `webhookUrl` (`user.created`, `user.*`, `*`); without "
    "it, none are. `dedupeSeconds`: for how many seconds an equal body without an event ID counts as a repetition. "
    "`GET /integrations/providers` describes what else each provider has, such as `verify` of CUSTOM."
}
CREDENTIALS_DOC = {
    "description": f"{_NAMES_BY_PROVIDER} For WEBHOOK, a secret is generated if you omit it. Credentials can be "
    "replaced, but never read."
}


def _printable(value: str) -> None:
    """A line break in a credential would inject a header when the credential is sent."""
    if not value.isprintable():
        raise ValidationError("Must contain only printable characters.")


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
