"""Deliveries and received events of several integrations: a user's own ones; for an ADMIN those of all users."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from heidi_common.database.models import utcnow
from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.jwt.guards import caller, guard
from heidi_common.metrics.attention import AttentionItem, AttentionOut
from heidi_services.integration.models import Delivery, WebhookEvent
from heidi_services.integration.routes.integrations import blp, readable
from heidi_services.integration.schemas import deliveries as schemas
from heidi_services.integration.schemas.webhooks import PlatformEventQuery, WebhookEventOut
from heidi_services.integration.service.attention import find_problems
from heidi_services.integration.service.deliveries.failure_summary import summarize_failures
from heidi_services.integration.service.owned_rows import list_rows

SUMMARIZED = timedelta(days=1)


@blp.route("/api/v1/integrations/deliveries", methods=["GET"])
@readable
@blp.arguments(schemas.PlatformDeliveryQuery, location="query")
@blp.response(200, schemas.DeliveryOut(many=True))
def list_all_deliveries(query: dict[str, Any]) -> Page:
    """List the deliveries of all your integrations, newest first. An ADMIN gets those of all users."""
    return list_rows(Delivery, caller(), query, names=("status", "event_type"))


@blp.route("/api/v1/integrations/deliveries/failures", methods=["GET"])
@readable
@blp.arguments(schemas.FailureSummaryQuery, location="query")
@blp.response(200, schemas.FailureSummaryOut(many=True))
def list_failures(query: dict[str, Any]) -> Page:
    """Summarize failed deliveries by integration, that with most failures first.

    At most 2,000 failures are counted, the latest ones; `meta.hasMore` is true if something was left out.
    """
    since = query["since"] or utcnow() - SUMMARIZED
    return summarize_failures(caller(), since, query["limit"])


@blp.route("/api/v1/integrations/events", methods=["GET"])
@readable
@blp.arguments(PlatformEventQuery, location="query")
@blp.response(200, WebhookEventOut(many=True))
def list_all_events(query: dict[str, Any]) -> Page:
    """List the events that all your integrations have received, newest first. An ADMIN gets those of all users."""
    return list_rows(WebhookEvent, caller(), query, names=("type",))


@blp.route("/api/v1/integrations/attention", methods=["GET"])
@guard(Role.ADMIN)
@blp.response(200, AttentionOut(many=True))
def list_problems() -> list[AttentionItem]:
    """List what needs an operator's attention. `GET /core/attention` collects this list from all services."""
    return find_problems(utcnow())
