"""Request and response schemas of auth."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from heidi_common.identity.password_hashing import MAX_PASSWORD_BYTES
from heidi_common.identity.password_policy import PASSWORD_METADATA
from heidi_common.identity.scopes import Scope, describe_scopes
from heidi_common.identity.serializers import UserOut
from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import PersonName, Text, UtcDateTime
from heidi_common.schemas.validators import Length, validate_range


def _password(**kwargs: Any) -> Text:
    return Text(required=True, max=MAX_PASSWORD_BYTES, load_only=True, **kwargs)


class RegisterIn(Schema):
    email = Text(required=True, max=320)
    password = _password(metadata=PASSWORD_METADATA)
    first_name = PersonName(allow_none=True)
    last_name = PersonName(allow_none=True)


class LoginIn(Schema):
    email = Text(required=True, max=320)
    password = _password()
    device_label = Text(max=100, load_default=None, allow_none=True)


class MfaIn(Schema):
    mfa_token = Text(required=True)
    code = Text(required=True, max=64)


class CodeIn(Schema):
    code = Text(required=True, max=64)


class RefreshIn(Schema):
    refresh_token = Text(required=True, max=20_000)


class EmailIn(Schema):
    email = Text(required=True, max=320)


class EmailChangeIn(Schema):
    """The new address. The password is needed unless the user has signed in recently."""

    email = Text(required=True, max=320)
    password = Text(max=MAX_PASSWORD_BYTES, load_only=True, load_default=None)


class InviteIn(Schema):
    user_id = fields.UUID(required=True)


class TokenIn(Schema):
    token = Text(required=True)


class ResetIn(Schema):
    token = Text(required=True)
    new_password = _password(metadata=PASSWORD_METADATA)


class ChangeIn(Schema):
    current_password = _password()
    new_password = _password(metadata=PASSWORD_METADATA)


class MeOut(UserOut):
    """The signed-in user, and the state of their second factor."""

    mfa_enabled = fields.Boolean()
    recovery_codes_remaining = fields.Integer()


class SignedInOut(Schema):
    """The user and their tokens, or the challenge for the second factor."""

    user = fields.Nested(UserOut)
    access_token = fields.String()
    refresh_token = fields.String()
    token_type = fields.String()
    expires_in = fields.Integer()
    mfa_required = fields.Boolean()
    mfa_token = fields.String()


class AcceptedOut(Schema):
    accepted = fields.Boolean()


class ValidOut(Schema):
    valid = fields.Boolean()
    user = fields.Nested(UserOut)
    claims = fields.Dict()


class SessionQuery(Schema):
    user_id = fields.UUID(load_default=None)


class SessionOut(Schema):
    id = fields.UUID(required=True)
    device = fields.String(allow_none=True)
    label = fields.String(allow_none=True)
    user_agent = fields.String(allow_none=True)
    ip = fields.String(allow_none=True)
    created_at = UtcDateTime()
    last_used_at = UtcDateTime()
    current = fields.Boolean()


class EnrollmentOut(Schema):
    secret = fields.String()
    otpauth_uri = fields.String()


class RecoveryOut(Schema):
    recovery_codes = fields.List(fields.String())


class ClientIn(Schema):
    name = Text(required=True, max=100)
    scopes = fields.List(
        fields.String(validate=validate.OneOf([scope.value for scope in Scope])),
        required=True,
        validate=Length(max=50),
        metadata={"description": describe_scopes()},
    )


class ClientOut(Schema):
    id = fields.UUID(required=True)
    client_id = fields.UUID(attribute="id", dump_only=True)
    name = fields.String()
    scopes = fields.List(fields.String())
    last_used_at = UtcDateTime(allow_none=True)
    created_at = UtcDateTime()
    updated_at = UtcDateTime()


class ClientSecretOut(ClientOut):
    client_secret = fields.String()


class GrantOut(ma.Schema):
    """RFC 6749, 5.1: without an envelope and in snake case."""

    bare = True
    access_token = fields.String()
    token_type = fields.String()
    expires_in = fields.Integer()
    scope = fields.String()


class IntrospectionOut(ma.Schema):
    """RFC 7662, 2.2: without an envelope."""

    bare = True
    active = fields.Boolean(required=True)


class JwksOut(ma.Schema):
    """RFC 7517, 5: without an envelope."""

    bare = True
    keys = fields.List(fields.Dict(), required=True)


class AuditQuery(PageQuery):
    actor = Text(max=100)
    action = Text(max=100)
    target = Text(max=100)
    outcome = fields.String(validate=validate.OneOf(["success", "failure"]))
    from_ = UtcDateTime(data_key="from")
    to = UtcDateTime()

    @ma.validates_schema
    def _range(self, data: dict[str, Any], **_: Any) -> None:
        validate_range(data, "from_", "to", "to")


class AuditIntegrityQuery(Schema):
    """A part of the trail. A million rows are verified by twenty requests with the default limit."""

    start = fields.Integer(
        data_key="from",
        load_default=1,
        validate=validate.Range(1, 2**63 - 1),
        metadata={"description": "the position of the first row"},
    )
    limit = fields.Integer(load_default=50_000, validate=validate.Range(1, 100_000))


class AuditIntegrityOut(Schema):
    """Whether the rows follow from each other. Continue with `from` = `to` + 1 until `isComplete`."""

    is_intact = fields.Boolean()
    start = fields.Integer(data_key="from")
    end = fields.Integer(data_key="to", metadata={"description": "the last row that is intact"})
    rows = fields.Integer(metadata={"description": "the number of intact rows of this part"})
    head = fields.String(
        metadata={
            "description": "the hash of the row `to`. Stored elsewhere, it proves later that no rows were replaced or"
            " removed up to there"
        }
    )
    broken_at = fields.Integer(
        allow_none=True, metadata={"description": "the first row that does not follow from the row before"}
    )
    last = fields.Integer(metadata={"description": "the position of the newest row"})
    is_complete = fields.Boolean(metadata={"description": "whether the part is intact and ends with the newest row"})


class AuditAddressOut(Schema):
    fingerprint = fields.String()
    email = fields.String()
    recorded_at = UtcDateTime()


class AuditOut(Schema):
    id = fields.UUID(required=True)
    position = fields.Integer()
    at = UtcDateTime()
    action = fields.String()
    outcome = fields.String()
    actor = fields.String(allow_none=True)
    target = fields.String(allow_none=True)
    address = fields.String(allow_none=True)
    request_id = fields.String(allow_none=True)
    detail = fields.Dict(allow_none=True)
    hash = fields.String()
