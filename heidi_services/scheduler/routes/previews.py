"""Preview expressions and schedules, and list the actions that a schedule can perform."""

from typing import Any
from uuid import UUID

from heidi_common.identity.models import Role
from heidi_common.jwt.guards import guard
from heidi_services.scheduler.actions import describe_actions
from heidi_services.scheduler.routes.blueprint import BASE, SCHEDULE, blp
from heidi_services.scheduler.schemas.previews import ActionOut, CronPreviewIn, CronPreviewOut, UpcomingQuery
from heidi_services.scheduler.service.preview import CronPreview, preview_cron, preview_schedule


@blp.route(f"{BASE}/actions", methods=["GET"])
@guard(Role.ADMIN)
@blp.response(200, ActionOut(many=True))
def list_actions() -> list[dict[str, Any]]:
    """List the actions that a schedule can perform, with the JSON schema of each payload."""
    return describe_actions()


@blp.route(f"{BASE}/preview", methods=["POST"])
@guard(Role.ADMIN)
@blp.arguments(CronPreviewIn)
@blp.response(200, CronPreviewOut)
def preview(body: dict[str, Any]) -> CronPreview:
    """Preview a cron expression: its meaning in words, its next occurrences, and notes on clock changes.

    Nothing is stored.
    """
    return preview_cron(body["cron_expression"], body["timezone"], body["count"], body["start"], body["lang"])


@blp.route(f"{SCHEDULE}/upcoming", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(UpcomingQuery, location="query")
@blp.response(200, CronPreviewOut)
def upcoming(query: dict[str, Any], schedule_id: UUID) -> CronPreview:
    """Preview the next occurrences of a schedule. A disabled schedule has none."""
    return preview_schedule(schedule_id, query["count"], query["lang"])
