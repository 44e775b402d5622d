"""The endpoints of the audit trail."""

from __future__ import annotations

from typing import Any

from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import caller, guard
from heidi_common.jwt.reauthentication import requires_recent_sign_in
from heidi_services.auth.schemas import AuditAddressOut, AuditIntegrityOut, AuditIntegrityQuery, AuditOut, AuditQuery
from heidi_services.auth.service import audit

blp = Blueprint("audit", __name__, description="The audit trail")


@blp.route("/api/v1/auth/audit", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(AuditQuery, location="query")
@blp.response(200, AuditOut(many=True))
def list_audit(query: dict[str, Any]) -> Page:
    """List the audit trail, newest first. Filters: `actor`, `action`, `target`, `outcome`, `from`, `to`."""
    return audit.list_rows(query)


@blp.route("/api/v1/auth/audit/integrity", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(AuditIntegrityQuery, location="query")
@blp.response(200, AuditIntegrityOut)
def verify_part(query: dict[str, Any]) -> dict[str, Any]:
    """Verify a part of the hash chain: recompute the hashes of up to `limit` rows. This is audited.

    A row that was changed, inserted or removed breaks the chain at its position. That rows were removed at the end is
    seen by `last`, and by a `head` that was stored elsewhere. `flask audit verify` verifies the whole trail.
    """
    return audit.verify_part(query["start"], query["limit"], caller().id)


@blp.route("/api/v1/auth/audit/addresses/<fingerprint>", methods=["GET"])
@guard(Role.ADMIN)
@requires_recent_sign_in
@blp.response(200, AuditAddressOut)
def read_address(fingerprint: str) -> dict[str, Any]:
    """Read the e-mail address behind a `target` such as `hmac:...`, to investigate an incident. This is audited.

    404 if it is not that of an e-mail address, or after AUDIT_ADDRESS_RETENTION_DAYS. 403 `recent_sign_in_required` if
    the session is older than ten minutes.
    """
    return audit.read_address(fingerprint, caller().id)
