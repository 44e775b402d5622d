"""Templates, for administrators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.interceptors.conditional import etag, if_match
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import guard
from heidi_common.openapi.headers import IF_MATCH, IF_NONE_MATCH, documents
from heidi_common.schemas.base import PageQuery
from heidi_services.notification.models import Template, TemplateVersion
from heidi_services.notification.schemas import (
    PreviewIn,
    PreviewOut,
    TemplateFields,
    TemplateIn,
    TemplateOut,
    TemplateQuery,
    VersionOut,
)
from heidi_services.notification.service import templates
from heidi_services.notification.service.template_resolver import Words

blp = Blueprint("notification-templates", __name__, description="Texts with variables")


@blp.route("/api/v1/notifications/templates", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(TemplateQuery, location="query")
@blp.response(200, TemplateOut(many=True))
def list_templates(query: dict[str, Any]) -> Page:
    """The templates in the order of their names, each with its current text."""
    paging = {name: query.pop(name) for name in ("limit", "cursor", "total")}
    return templates.listing(query, **paging)


@blp.route("/api/v1/notifications/templates", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(TemplateIn)
@blp.response(201, TemplateOut)
def create_template(body: dict[str, Any]) -> dict[str, Any]:
    """A new template for a name, a channel and a locale."""
    return _shown(*templates.create(body))


@blp.route("/api/v1/notifications/templates/<uuid:template_id>", methods=["GET"])
@guard(Role.ADMIN)
@documents(IF_NONE_MATCH)
@blp.response(200, TemplateOut)
def get_template(template_id: UUID) -> dict[str, Any]:
    """A template with its current text."""
    template, words = templates.get(template_id)
    etag(template)
    return _shown(template, words)


@blp.route("/api/v1/notifications/templates/<uuid:template_id>", methods=["PATCH"])
@guard(Role.ADMIN)
@documents(IF_MATCH)
@blp.arguments(TemplateFields)
@blp.response(200, TemplateOut)
def change_template(body: dict[str, Any], template_id: UUID) -> dict[str, Any]:
    """Change a template; its text before stays as a version. Honours `If-Match`."""
    template, words = templates.change(template_id, body, if_match())
    etag(template)
    return _shown(template, words)


@blp.route("/api/v1/notifications/templates/<uuid:template_id>", methods=["DELETE"])
@guard(Role.ADMIN)
@documents(IF_MATCH)
@blp.response(204)
def delete_template(template_id: UUID) -> None:
    """Delete a template with its versions. Honours `If-Match`."""
    templates.delete(template_id, if_match())


@blp.route("/api/v1/notifications/templates/<uuid:template_id>/versions", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(PageQuery, location="query")
@blp.response(200, VersionOut(many=True))
def list_versions(query: dict[str, Any], template_id: UUID) -> Page:
    """Every text that a template has had, latest first."""
    return templates.versions(template_id, **query)


@blp.route("/api/v1/notifications/templates/<uuid:template_id>/preview", methods=["POST"])
@guard(Role.ADMIN)
@blp.arguments(PreviewIn)
@blp.response(200, PreviewOut)
def preview_template(body: dict[str, Any], template_id: UUID) -> Words:
    """A template filled with variables; one that is missing is 422, named."""
    return templates.preview(template_id, body["variables"])


def _shown(template: Template, words: TemplateVersion) -> dict[str, Any]:
    kept = {name: getattr(template, name) for name in templates.KEPT}
    return kept | {name: getattr(words, name) for name in templates.WORDS} | {"version": words.number}
