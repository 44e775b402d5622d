"""Schedules that need an operator's attention."""

from heidi_common.identity.models import Role
from heidi_common.jwt.guards import guard
from heidi_common.metrics.attention import AttentionItem, AttentionOut
from heidi_services.scheduler.routes.blueprint import BASE, blp
from heidi_services.scheduler.service.attention import find_problems


@blp.route(f"{BASE}/attention", methods=["GET"])
@guard(Role.ADMIN)
@blp.response(200, AttentionOut(many=True))
def list_problems() -> list[AttentionItem]:
    """List what needs an operator's attention. `GET /core/attention` collects this list from all services."""
    return find_problems()
