"""The e-mails that a standalone platform has stored instead of delivering them."""

from __future__ import annotations

from typing import Any

from heidi_common.audit.trail import record
from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.interceptors.conditional import tagged
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import caller, guard
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_common.schemas.base import PageQuery
from heidi_services.notification.schemas.mail_sink import SunkMailDetailOut, SunkMailOut
from heidi_services.notification.service import mail_sink

blp = Blueprint("notification-sink", __name__, description="E-mails in the mail sink of a standalone platform")


@blp.route("/api/v1/notifications/sink", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(PageQuery, location="query")
@blp.response(200, SunkMailOut(many=True))
def list_mails(query: dict[str, Any]) -> Page:
    """List the e-mails in the mail sink, newest first; audited. 404 `no_mail_sink` unless the platform has one."""
    page = mail_sink.list_mails(**query)
    record("mail_sink_listed", actor=caller().id)
    return page


@blp.route("/api/v1/notifications/sink/<string:mail_id>", methods=["GET"])
@guard(Role.ADMIN)
@documents(IF_NONE_MATCH)
@tagged
@blp.response(200, SunkMailDetailOut)
def get_mail(mail_id: str) -> dict[str, Any]:
    """Show an e-mail in the mail sink with its texts, headers and source; audited."""
    mail = mail_sink.read_mail(mail_id)
    record("mail_sink_read", actor=caller().id, detail={"mail": mail_id})
    return mail
