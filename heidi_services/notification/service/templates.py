"""Templates that administrators write: checked when saved, every version kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError

from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import expect_version, transaction
from heidi_common.problems import Conflict, FieldError, Invalid, NotFound
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import Template, TemplateVersion
from heidi_services.notification.service.rendering import MissingVariable, RenderingFailed, TemplateRefused, check
from heidi_services.notification.service.template_resolver import Source, Words

WORDS = ("subject", "body", "html")
KEPT = ("id", "name", "channel", "locale", "category", "created_at", "updated_at")


def create(fields: Mapping[str, Any]) -> tuple[Template, TemplateVersion]:
    """409 when there is one of that name, channel and language."""
    _check(fields, fields["channel"])
    words = {name: fields.get(name) for name in WORDS}
    template = Template(**{name: value for name, value in fields.items() if name not in WORDS}, current=1)
    try:
        with transaction():
            db.session.add(template)
            db.session.flush()
            version = TemplateVersion(template_id=template.id, number=1, **words)
            db.session.add(version)
    except IntegrityError as error:
        raise Conflict("There is a template of that name, channel and locale.", code="template_exists") from error
    return template, version


def get(template_id: UUID, *, lock: bool = False) -> tuple[Template, TemplateVersion]:
    template = db.session.get(Template, template_id, with_for_update=lock or None, populate_existing=lock)
    if template is None:
        raise NotFound("There is no such template.")
    return template, db.session.get_one(TemplateVersion, (template.id, template.current))


def listing(filters: Mapping[str, Any], **paging: Any) -> Page:
    """Rows that hold a template and its current words."""
    columns: list[Any] = [getattr(Template, name) for name in KEPT] + [getattr(TemplateVersion, name) for name in WORDS]
    found: Select[Any] = select(*columns, TemplateVersion.number.label("version")).join(
        TemplateVersion, (TemplateVersion.template_id == Template.id) & (TemplateVersion.number == Template.current)
    )
    for name, value in filters.items():
        found = found.where(getattr(Template, name) == value)
    return page(found, order=Template.name, descending=False, tiebreak=Template.id, scalars=False, **paging)


def versions(template_id: UUID, **paging: Any) -> Page:
    """Latest first."""
    get(template_id)
    found = select(TemplateVersion).where(TemplateVersion.template_id == template_id)
    number = TemplateVersion.number
    return page(found, order=number, descending=True, tiebreak=number, **paging)


def change(template_id: UUID, fields: Mapping[str, Any], version: int | None) -> tuple[Template, TemplateVersion]:
    """New words make a new version; notifications queued before keep theirs."""
    with transaction():
        template, words = get(template_id, lock=True)
        expect_version(template, version)
        _check(fields, template.channel)
        if "category" in fields:
            template.category = fields["category"]
        if any(name in fields for name in WORDS):
            template.current += 1
            said = {name: fields.get(name, getattr(words, name)) for name in WORDS}
            words = TemplateVersion(template_id=template.id, number=template.current, **said)
            db.session.add(words)
    return template, words


def delete(template_id: UUID, version: int | None) -> None:
    with transaction():
        template, _ = get(template_id, lock=True)
        expect_version(template, version)
        db.session.delete(template)


def preview(template_id: UUID, variables: Mapping[str, Any]) -> Words:
    """What it would say; 422 naming the variable that is missing."""
    template, words = get(template_id)
    source = Source(
        template.name, template.locale, words.number, template.category, words.subject, words.body, words.html
    )
    try:
        return source.fill(variables)
    except MissingVariable as error:
        raise Invalid.field(f"/variables/{error.name}", str(error)) from error
    except RenderingFailed as error:
        raise Invalid.field("variables", str(error)) from error


def _check(fields: Mapping[str, Any], channel: str) -> None:
    wrong = []
    if channel != Channel.EMAIL and fields.get("html") is not None:
        wrong.append(FieldError("/html", f"HTML is for e-mail; {channel} would never show it."))
    for name in WORDS:
        try:
            check(fields.get(name) or "")
        except TemplateRefused as error:
            wrong.append(FieldError(f"/{name}", str(error)))
    if wrong:
        raise Invalid(wrong)
