"""What may come in and what goes out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import marshmallow as ma
from marshmallow import ValidationError, fields, validate

from heidi_common.crypto import base64url
from heidi_common.identity.models import Role
from heidi_common.schemas import timezones
from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import FreeJson, Text, UtcDateTime
from heidi_common.schemas.validators import callable_url, one_line
from heidi_services.notification.enums import Channel, Status, Type

MAX_SMS = 1600
"""The longest text that Twilio takes, in ten parts."""

_CATEGORY = validate.Regexp(r"[a-z][a-z0-9_-]{0,49}\Z", error="Lower-case letters, digits, - and _; at most 50.")
_NAME = validate.Regexp(r"[a-z0-9][a-z0-9._-]{0,99}\Z", error="Lower-case letters, digits, dot, - and _; at most 100.")
_LOCALE = validate.Regexp(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}\Z", error="A language tag such as de or de-AT.")


def category(**kwargs: Any) -> Text:
    return Text(max=50, validate=_CATEGORY, **kwargs)


def locale(**kwargs: Any) -> Text:
    return Text(max=35, validate=_LOCALE, **kwargs)


def one_of(kind: type[Channel] | type[Status] | type[Type] | type[Role], **kwargs: Any) -> fields.String:
    return fields.String(validate=validate.OneOf([str(word) for word in kind]), **kwargs)


class WordsIn(Schema):
    """A message: words of its own, or a template with variables."""

    channel = one_of(Channel, required=True)
    type = one_of(Type, load_default=Type.INFO)
    category = category(load_default=None, allow_none=True)
    subject = Text(load_default=None, allow_none=True)
    content = Text(max=100_000, load_default=None, allow_none=True)
    template = Text(max=100, load_default=None, allow_none=True)
    variables = FreeJson(max_bytes=32_768, load_default=dict)
    locale = locale(load_default=None, allow_none=True)
    metadata = FreeJson(load_default=None, allow_none=True)
    scheduled_for = UtcDateTime(load_default=None, allow_none=True)
    expires_at = UtcDateTime(load_default=None, allow_none=True)

    @ma.validates_schema
    def _words_or_template(self, data: dict[str, Any], **_: Any) -> None:
        if data["content"] is None and data["template"] is None:
            raise ValidationError("Give a content or a template.", "content")
        if data["content"] is not None and data["template"] is not None:
            raise ValidationError("Give a content or a template, not both.", "template")
        if data["variables"] and data["template"] is None:
            raise ValidationError("Variables belong to a template.", "variables")
        if data["channel"] == Channel.SMS and len(data["content"] or "") > MAX_SMS:
            raise ValidationError(f"A text message has {MAX_SMS} characters at most.", "content")

    @ma.validates_schema
    def _times_in_order(self, data: dict[str, Any], **_: Any) -> None:
        begin = max(data["scheduled_for"] or datetime.min.replace(tzinfo=UTC), datetime.now(UTC))
        if data["expires_at"] is not None and data["expires_at"] <= begin:
            raise ValidationError("It must not expire before it goes out.", "expiresAt")


class NotificationIn(WordsIn):
    user_id = fields.UUID(required=True)


class FilterIn(Schema):
    role = one_of(Role, load_default=None)
    is_active = fields.Boolean(load_default=None, truthy={True}, falsy={False})


class BulkIn(WordsIn):
    user_ids = fields.List(fields.UUID(), load_default=None, validate=validate.Length(1, 1000))
    filter = fields.Nested(FilterIn, load_default=None)

    @ma.validates_schema
    def _people_or_filter(self, data: dict[str, Any], **_: Any) -> None:
        if (data["user_ids"] is None) == (data["filter"] is None):
            raise ValidationError("Give userIds or a filter.", "userIds")


class NotificationOut(Schema):
    id = fields.UUID(required=True)
    user_id = fields.UUID(required=True)
    type = one_of(Type, required=True)
    channel = one_of(Channel, required=True)
    category = fields.String(required=True)
    subject = fields.String(required=True, allow_none=True)
    content = fields.String(required=True, allow_none=True, metadata={"description": "null while it holds secrets"})
    metadata = fields.Dict(attribute="extra", required=True, allow_none=True)
    status = one_of(Status, required=True)
    scheduled_for = UtcDateTime(required=True, allow_none=True)
    expires_at = UtcDateTime(required=True, allow_none=True)
    sent_at = UtcDateTime(required=True, allow_none=True)
    delivered_at = UtcDateTime(required=True, allow_none=True)
    read_at = UtcDateTime(required=True, allow_none=True)
    failure_reason = fields.String(required=True, allow_none=True)
    attempts = fields.Integer(required=True)
    next_attempt_at = UtcDateTime(
        attribute="due_at", required=True, allow_none=True, metadata={"description": "null unless it is PENDING"}
    )
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)


class NotificationQuery(PageQuery):
    user_id = fields.UUID(load_default=None)
    status = one_of(Status)
    channel = one_of(Channel)
    type = one_of(Type)
    category = category()
    unread = fields.Boolean(load_default=False)


class PersonQuery(Schema):
    user_id = fields.UUID(load_default=None)


class CountOut(Schema):
    count = fields.Integer(required=True)


class AttemptOut(Schema):
    id = fields.UUID(required=True)
    number = fields.Integer(required=True)
    provider = fields.String(required=True)
    outcome = fields.String(required=True)
    ambiguous = fields.Boolean(required=True)
    code = fields.String(required=True, allow_none=True)
    provider_id = fields.String(required=True, allow_none=True)
    error = fields.String(required=True, allow_none=True)
    started_at = UtcDateTime(required=True)
    duration_ms = fields.Integer(required=True)


class BatchAcceptedOut(Schema):
    batch_id = fields.UUID(attribute="id", required=True)
    accepted = fields.Integer(required=True)
    skipped = fields.List(
        fields.UUID(), required=True, metadata={"description": "those of `userIds` that are nobody's; they get nothing"}
    )


class BatchOut(Schema):
    id = fields.UUID(required=True)
    accepted = fields.Integer(required=True)
    created_at = UtcDateTime(required=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class RetryIn(Schema):
    channel = one_of(Channel)
    category = category()
    user_id = fields.UUID()
    batch_id = fields.UUID()
    since = UtcDateTime(load_default=None)


class RetriedOut(Schema):
    retried = fields.Integer(required=True)


class TemplateFields(Schema):
    subject = Text(max=1000, allow_none=True, validate=one_line)
    body = Text(max=64_000)
    html = Text(max=64_000, allow_none=True)
    category = category(allow_none=True)


class TemplateIn(TemplateFields):
    name = Text(max=100, required=True, validate=_NAME)
    channel = one_of(Channel, required=True)
    locale = locale(load_default="en")
    body = Text(max=64_000, required=True)


class TemplateOut(Schema):
    id = fields.UUID(required=True)
    name = fields.String(required=True)
    channel = one_of(Channel, required=True)
    locale = fields.String(required=True)
    category = fields.String(required=True, allow_none=True)
    version = fields.Integer(required=True, metadata={"description": "number of the current words"})
    subject = fields.String(required=True, allow_none=True)
    body = fields.String(required=True)
    html = fields.String(required=True, allow_none=True)
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)


class VersionOut(Schema):
    version = fields.Integer(attribute="number", required=True)
    subject = fields.String(required=True, allow_none=True)
    body = fields.String(required=True)
    html = fields.String(required=True, allow_none=True)
    created_at = UtcDateTime(required=True)


class TemplateQuery(PageQuery):
    name = Text(max=100)
    channel = one_of(Channel)
    locale = locale()


class PreviewIn(Schema):
    variables = FreeJson(max_bytes=32_768, load_default=dict)


class PreviewOut(Schema):
    subject = fields.String(required=True, allow_none=True)
    body = fields.String(attribute="content", required=True)
    html = fields.String(required=True, allow_none=True)


class Wish(Schema):
    """Whether one category is wanted over one channel; what is not mentioned is wanted."""

    category = category(required=True)
    channel = one_of(Channel, required=True)
    enabled = fields.Boolean(required=True, truthy={True}, falsy={False})


class QuietHours(Schema):
    """Hours of the person's own day; the end may be on the next."""

    start = fields.Time(format="%H:%M", required=True)
    end = fields.Time(format="%H:%M", required=True)
    timezone = Text(
        max=64,
        load_default=None,
        allow_none=True,
        validate=timezones.is_known,
        metadata={"description": "null: the one of the person's profile"},
    )


class Preferences(Schema):
    """In and out alike: what is read can be written back."""

    preferences = fields.List(fields.Nested(Wish), required=True, validate=validate.Length(max=200))
    quiet_hours = fields.Nested(QuietHours, load_default=None, allow_none=True)


def _bytes(number: int) -> Callable[[str], None]:
    """Base64url of so many bytes: with a shorter key nothing can ever be encrypted."""

    def check(value: str) -> None:
        try:
            found = base64url.decode(value.rstrip("="))
        except ValueError:
            found = b""
        if len(found) != number:
            raise ValidationError(f"This must be {number} bytes in base64url, as the browser gives them.")

    return check


def _plain(value: str) -> None:
    """So that it fits into the index that makes it unique."""
    if not value.isascii() or not value.isprintable():
        raise ValidationError("Only printable ASCII characters.")


class DeviceKeys(Schema):
    p256dh = Text(required=True, validate=_bytes(65))
    auth = Text(required=True, validate=_bytes(16))


class PushSubscription(Schema):
    """What a browser's PushManager.subscribe gives."""

    endpoint = fields.Url(
        schemes={"https"},
        require_tld=False,
        required=True,
        validate=[validate.Length(max=2000), _plain, callable_url],
    )
    expiration_time = fields.Integer(allow_none=True)
    keys = fields.Nested(DeviceKeys, required=True)


class DeviceIn(Schema):
    token = Text(max=2000, load_default=None, validate=_plain)
    subscription = fields.Nested(PushSubscription, load_default=None)
    label = Text(max=100, load_default=None, allow_none=True)

    @ma.validates_schema
    def _one(self, data: dict[str, Any], **_: Any) -> None:
        if (data["token"] is None) == (data["subscription"] is None):
            raise ValidationError("Give an FCM token or a Web Push subscription.", "token")


class DeviceOut(Schema):
    """The token itself is not told again: who has it can push."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True)
    label = fields.String(required=True, allow_none=True)
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)


class SubscriptionOut(Schema):
    category = fields.String(required=True)
    channel = one_of(Channel, required=True)
    subscribed = fields.Boolean(required=True)


class SuppressionOut(Schema):
    id = fields.UUID(required=True)
    channel = one_of(Channel, required=True)
    address = fields.String(required=True)
    reason = fields.String(required=True)
    created_at = UtcDateTime(required=True)


class SuppressionQuery(PageQuery):
    channel = one_of(Channel)
    address = Text(max=320)
