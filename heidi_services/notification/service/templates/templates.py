"""Templates that administrators manage. Their source is validated when it is saved; every version is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError

from heidi_common.channels.registry import CHANNELS
from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import expect_version, transaction
from heidi_common.problems import Conflict, FieldError, Invalid, NotFound
from heidi_common.schemas.locales import hyphenated
from heidi_services.notification.channels.push_text import push_text
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import Template, TemplateVersion
from heidi_services.notification.service.drafts import check_or_invalid, render_or_invalid
from heidi_services.notification.service.templates.template_resolver import TemplateSource
from heidi_services.notification.service.templates.template_validation import (
    InvalidTemplate,
    validate_template,
)

TEXT_COLUMNS = ("subject", "body", "html")
TEMPLATE_COLUMNS = ("id", "name", "channel", "locale", "category", "created_at", "updated_at")

_TAG = func.lower(func.replace(Template.locale, "_", "-"))
"""The locale in the form of `hyphenated`: earlier versions stored it as the author wrote it."""


def create(fields: Mapping[str, Any]) -> tuple[Template, TemplateVersion]:
    """Create a template and its first version.

    Raises:
        Conflict: A template with this name, channel and locale exists.
        Invalid: A text is not a valid template.
    """
    _validate(fields, fields["channel"])
    texts = {name: fields.get(name) for name in TEXT_COLUMNS}
    template = Template(**{name: value for name, value in fields.items() if name not in TEXT_COLUMNS}, current=1)
    try:
        with transaction():
            db.session.add(template)
            db.session.flush()
            version = TemplateVersion(template_id=template.id, number=1, **texts)
            db.session.add(version)
    except IntegrityError as error:
        detail = "A template with this name, channel and locale already exists."
        raise Conflict(detail, code="template_exists") from error
    return template, version


def get(template_id: UUID, *, lock: bool = False) -> tuple[Template, TemplateVersion]:
    """Return a template and its current version; raises NotFound."""
    template = db.session.get(Template, template_id, with_for_update=lock or None, populate_existing=lock)
    if template is None:
        raise NotFound("Template not found.")
    return template, db.session.get_one(TemplateVersion, (template.id, template.current))


def list_templates(filters: Mapping[str, Any], **paging: Any) -> Page:
    """List rows with the columns of a template and of its current version, in the order of the names."""
    columns: list[Any] = [getattr(Template, name) for name in TEMPLATE_COLUMNS]
    columns += [getattr(TemplateVersion, name) for name in TEXT_COLUMNS]
    statement: Select[Any] = select(*columns, TemplateVersion.number.label("version")).join(
        TemplateVersion, (TemplateVersion.template_id == Template.id) & (TemplateVersion.number == Template.current)
    )
    for name, value in filters.items():
        column = _TAG if name == "locale" else getattr(Template, name)
        statement = statement.where(column == (hyphenated(value) if name == "locale" else value))
    return page(statement, order=Template.name, descending=False, tiebreak=Template.id, scalars=False, **paging)


def list_versions(template_id: UUID, **paging: Any) -> Page:
    """List a template's versions, latest first; raises NotFound."""
    get(template_id)
    statement = select(TemplateVersion).where(TemplateVersion.template_id == template_id)
    number = TemplateVersion.number
    return page(statement, order=number, descending=True, tiebreak=number, **paging)


def change(template_id: UUID, fields: Mapping[str, Any], version: int | None) -> tuple[Template, TemplateVersion]:
    """Change a template. A changed text creates a version; queued notifications keep the version they refer to.

    Args:
        version: The row version that the caller has read; None skips the check.

    Raises:
        NotFound, PreconditionFailed, Invalid
    """
    with transaction():
        template, current = get(template_id, lock=True)
        expect_version(template, version)
        _validate(fields, template.channel)
        if "category" in fields:
            template.category = fields["category"]
        if any(name in fields for name in TEXT_COLUMNS):
            template.current += 1
            texts = {name: fields.get(name, getattr(current, name)) for name in TEXT_COLUMNS}
            current = TemplateVersion(template_id=template.id, number=template.current, **texts)
            db.session.add(current)
    return template, current


def delete(template_id: UUID, version: int | None) -> None:
    """Delete a template with its versions; raises NotFound or PreconditionFailed."""
    with transaction():
        template, _ = get(template_id, lock=True)
        expect_version(template, version)
        db.session.delete(template)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a message would contain. Of a push message, `truncated` tells whether it is shortened as its sender does."""

    channel: str
    subject: str | None
    content: str
    html: str | None
    truncated: bool | None = None


def preview(
    template_id: UUID,
    variables: Mapping[str, Any],
    locale: str | None = None,
    *,
    texts: Mapping[str, Any] | None = None,
) -> Preview:
    """Render the current version, or a changed text that is not saved, for a recipient's locale.

    Args:
        template_id: The template.
        variables: The values of its variables.
        locale: The recipient's locale; by default that of the template.
        texts: Column -> text instead of the one of the current version.

    Raises:
        NotFound: The template does not exist.
        Invalid: A text is not a valid template, a variable is missing or unsuitable, or the text is too long for the
            channel.
    """
    template, source = current_source(template_id)
    if texts:
        _validate(texts, template.channel)
        source = replace(source, **texts)
    text, channel = render_or_invalid(source, variables, locale), template.channel
    check_or_invalid(channel, text, "variables")
    if channel != Channel.PUSH:
        return Preview(channel, text.subject, text.content, text.html)
    short = push_text(text.subject or "", text.content)
    return Preview(channel, short.title if text.subject is not None else None, short.body, None, short.truncated)


def current_source(template_id: UUID) -> tuple[Template, TemplateSource]:
    """Return a template and the source of its current version; raises NotFound."""
    template, current = get(template_id)
    texts = {name: getattr(current, name) for name in TEXT_COLUMNS}
    return template, TemplateSource(template.name, template.locale, current.number, template.category, **texts)


def _validate(fields: Mapping[str, Any], channel: str) -> None:
    if errors := list(_errors(fields, channel)):
        raise Invalid(errors)


def _errors(fields: Mapping[str, Any], channel: str) -> Iterator[FieldError]:
    if not CHANNELS[channel].has_html and fields.get("html") is not None:
        yield FieldError("/html", f"`html` is only supported for the EMAIL channel, not for {channel}.")
    for name in TEXT_COLUMNS:
        try:
            validate_template(fields.get(name) or "")
        except InvalidTemplate as error:
            yield FieldError(f"/{name}", str(error))
