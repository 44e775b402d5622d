"""Templates, for administrators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.interceptors.conditional import etag, if_match
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import caller, guard
from heidi_common.openapi.headers import IF_MATCH, IF_NONE_MATCH, documents
from heidi_common.schemas.base import PageQuery
from heidi_services.notification.models import Notification, Template, TemplateVersion
from heidi_services.notification.schemas.notifications import NotificationOut
from heidi_services.notification.schemas.templates import (
    TemplateFields,
    TemplateIn,
    TemplateOut,
    TemplatePreviewIn,
    TemplatePreviewOut,
    TemplateQuery,
    TemplateTextPreviewIn,
    TemplateVersionOut,
)
from heidi_services.notification.service.templates import template_tests, templates

blp = Blueprint("notification-templates", __name__, description="Message templates with variables")


@blp.route("/api/v1/notifications/templates", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(TemplateQuery, location="query")
@blp.response(200, TemplateOut(many=True))
def list_templates(query: dict[str, Any]) -> Page:
    """List templates by name, each with its current text."""
    paging = {name: query.pop(name) for name in ("limit", "cursor", "total")}
    return templates.list_templates(query, **paging)


@blp.route("/api/v1/notifications/templates", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(TemplateIn)
@blp.response(201, TemplateOut)
def create_template(body: dict[str, Any]) -> dict[str, Any]:
    """Create a template for a name, a channel and a locale."""
    return _serialize(*templates.create(body))


@blp.route("/api/v1/notifications/templates/<uuid:template_id>", methods=["GET"])
@guard(Role.ADMIN)
@documents(IF_NONE_MATCH)
@blp.response(200, TemplateOut)
def get_template(template_id: UUID) -> dict[str, Any]:
    """A template with its current text."""
    template, version = templates.get(template_id)
    etag(template)
    return _serialize(template, version)


@blp.route("/api/v1/notifications/templates/<uuid:template_id>", methods=["PATCH"])
@guard(Role.ADMIN)
@documents(IF_MATCH)
@blp.arguments(TemplateFields)
@blp.response(200, TemplateOut)
def change_template(body: dict[str, Any], template_id: UUID) -> dict[str, Any]:
    """Change a template. Its previous text remains available as a version. Honors `If-Match`."""
    template, version = templates.change(template_id, body, if_match())
    etag(template)
    return _serialize(template, version)


@blp.route("/api/v1/notifications/templates/<uuid:template_id>", methods=["DELETE"])
@guard(Role.ADMIN)
@documents(IF_MATCH)
@blp.response(204)
def delete_template(template_id: UUID) -> None:
    """Delete a template with its versions. Honors `If-Match`."""
    templates.delete(template_id, if_match())


@blp.route("/api/v1/notifications/templates/<uuid:template_id>/versions", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(PageQuery, location="query")
@blp.response(200, TemplateVersionOut(many=True))
def list_versions(query: dict[str, Any], template_id: UUID) -> Page:
    """List all versions of a template's text, latest first."""
    return templates.list_versions(template_id, **query)


@blp.route("/api/v1/notifications/templates/<uuid:template_id>/preview", methods=["POST"])
@guard(Role.ADMIN)
@blp.arguments(TemplateTextPreviewIn)
@blp.response(200, TemplatePreviewOut)
def preview_template(body: dict[str, Any], template_id: UUID) -> templates.Preview:
    """Render a template with variables. A missing variable is 422 and named in `errors`.

    `subject`, `body` and `html` replace the texts of the current version, to see a change before it is saved.
    """
    texts = {name: body[name] for name in templates.TEXT_COLUMNS if name in body}
    return templates.preview(template_id, body["variables"], body["locale"], texts=texts)


@blp.route("/api/v1/notifications/templates/<uuid:template_id>/test", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(TemplatePreviewIn)
@blp.response(202, NotificationOut)
def send_template_test(body: dict[str, Any], template_id: UUID) -> Notification:
    """Send the current version of a template to yourself. Muted categories and quiet hours do not apply."""
    return template_tests.send_test(template_id, caller().id, body["variables"], body["locale"])


def _serialize(template: Template, version: TemplateVersion) -> dict[str, Any]:
    fields = {name: getattr(template, name) for name in templates.TEMPLATE_COLUMNS}
    texts = {name: getattr(version, name) for name in templates.TEXT_COLUMNS}
    return fields | texts | {"version": version.number}
