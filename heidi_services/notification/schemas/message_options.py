"""The options of messages by channel, and how a request becomes what the row stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import ValidationError, fields

from heidi_common.config.mail_sender import split_sender
from heidi_common.identity.emails import normalize_email
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import Text
from heidi_common.schemas.validators import Length
from heidi_services.notification.enums import MARKETING, Channel
from heidi_services.notification.schemas.push_options import PUSH_FIELDS, push_options

MAX_COPIES = 20
_EMAIL = {"html", "from_", "reply_to", "cc", "bcc"}


class Mailbox(Text):
    """An e-mail address, with or without a name before it: `Ada Lovelace <ada@example.org>`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max=400, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            name, address = split_sender(text)
            address = normalize_email(address)
        except ValueError as error:
            raise ValidationError(str(error)[:1].upper() + str(error)[1:]) from None
        if len(name) > 100:
            raise ValidationError("The name must have at most 100 characters.")
        return f"{_quoted(name)} <{address}>" if name else address


def _quoted(name: str) -> str:
    """As `split_sender` reads it: a name with quotation marks around it is quoted once more."""
    if not (name.startswith('"') and name.endswith('"')):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class EmailOptionsIn(Schema):
    """The options of an e-mail."""

    html = Text(
        max=500_000,
        load_default=None,
        allow_none=True,
        metadata={"description": "The HTML part of an e-mail without a template. A missing `content` is derived."},
    )
    from_ = Mailbox(
        data_key="from",
        load_default=None,
        allow_none=True,
        metadata={"description": "The sender of an e-mail: MAIL_FROM, or an address of a verified sender domain"},
    )
    reply_to = Mailbox(load_default=None, allow_none=True)
    cc = fields.List(Mailbox(), load_default=None, allow_none=True, validate=Length(max=MAX_COPIES))
    bcc = fields.List(
        Mailbox(),
        load_default=None,
        allow_none=True,
        validate=Length(max=MAX_COPIES),
        metadata={"description": "Further recipients whom nobody sees. No response contains them."},
    )

    @ma.validates_schema
    def _only_for_emails(self, data: dict[str, Any], **_: Any) -> None:
        for name in sorted(_EMAIL):
            if data.get(name) is not None and data["channel"] != Channel.EMAIL:
                field = name.rstrip("_")
                raise ValidationError("Only messages of the channel EMAIL support this field.", _key(field))

    @ma.validates_schema
    def _html_without_template(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("html") is not None and data.get("template") is not None:
            raise ValidationError("The template contains the HTML: specify either `html` or `template`.", "html")

    @ma.validates_schema
    def _no_copies_of_marketing(self, data: dict[str, Any], **_: Any) -> None:
        """Those who get a copy could unsubscribe the user, but not themselves."""
        for name in ("cc", "bcc"):
            if data.get(name) and data.get("category") == MARKETING:
                raise ValidationError("A message of the category marketing must not have copies.", name)


def take_options(body: dict[str, Any]) -> dict[str, Any] | None:
    """Remove the options of the channel from a request, and return them as the row stores them.

    Args:
        body: The request, by the names of its attributes.
    """
    values: Mapping[str, Any] = {
        "from": body.pop("from_", None),
        "replyTo": body.pop("reply_to", None),
        "cc": body.pop("cc", None),
        "bcc": body.pop("bcc", None),
    }
    options = {name: value for name, value in values.items() if value} | push_options(body)
    for name in PUSH_FIELDS:
        body.pop(name, None)
    return options or None


def _key(name: str) -> str:
    return "replyTo" if name == "reply_to" else name
