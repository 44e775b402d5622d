"""The endpoint of the audit trail."""

from __future__ import annotations

from typing import Any

from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import guard
from heidi_services.auth.schemas import AuditOut, AuditQuery
from heidi_services.auth.service import audit

blp = Blueprint("audit", __name__, description="The audit trail")


@blp.route("/api/v1/auth/audit", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(AuditQuery, location="query")
@blp.response(200, AuditOut(many=True))
def list_audit(query: dict[str, Any]) -> Page:
    """List the audit trail, newest first. Filters: `actor`, `action`, `target`, `outcome`, `from`, `to`."""
    return audit.list_rows(query)
