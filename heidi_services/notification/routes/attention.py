"""Messages that need an operator's attention."""

from __future__ import annotations

from heidi_common.database.models import utcnow
from heidi_common.identity.models import Role
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import guard
from heidi_common.metrics.attention import AttentionItem, AttentionOut
from heidi_services.notification.service.attention import find_problems

blp = Blueprint("notification-attention", __name__, description="Messages that need an operator's attention")


@blp.route("/api/v1/notifications/attention", methods=["GET"])
@guard(Role.ADMIN)
@blp.response(200, AttentionOut(many=True))
def list_problems() -> list[AttentionItem]:
    """List what needs an operator's attention. `GET /core/attention` collects this list from all services."""
    return find_problems(utcnow())
