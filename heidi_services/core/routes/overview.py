"""Status, figures, problems and a search over all services."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from flask import Response, after_this_request, g

from heidi_common.database.models import utcnow
from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.identity.personal_data import PersonalRecordOut, part_query
from heidi_common.interceptors.conditional import tagged
from heidi_common.jwt.authentication import has_admin_token
from heidi_common.jwt.data_subject import exported_user
from heidi_common.jwt.guards import authenticated, caller, guard, public
from heidi_common.metrics.attention import AttentionItem, AttentionOut
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_services.core.routes.blueprint import BASE, blp
from heidi_services.core.schemas import overview as schemas
from heidi_services.core.service import attention, chart_series, overview, profile, search, status
from heidi_services.core.service.personal_data import PARTS


@blp.route(f"{BASE}/status", methods=["GET"])
@public
@blp.response(200, schemas.StatusOut)
def get_status() -> dict[str, Any]:
    """Show which services and dependencies are up; an ADMIN's token also shows the details."""
    latest = status.latest()
    return latest if has_admin_token() else status.for_public(latest)


@blp.route(f"{BASE}/overview", methods=["GET"])
@guard(Role.ADMIN)
@blp.response(200, schemas.OverviewOut)
def get_overview() -> dict[str, Any]:
    """Show counts and rates over all services, at most 10 seconds old."""
    cached = overview.cached()
    current = cached or overview.build()
    g.meta = overview.meta(current)
    after_this_request(partial(_set_cache_header, is_hit=cached is not None))
    return current["data"]  # type: ignore[no-any-return]


@blp.route(f"{BASE}/overview/series", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(schemas.SeriesQuery, location="query")
@blp.response(200, schemas.ChartOut)
def get_series(query: dict[str, Any]) -> dict[str, Any]:
    """Show a metric over time, for charts: per minute for two days, per hour for two years.

    Metrics: `events`, `messages`, `runs`, `deliveries` (attempts of webhooks), `operations`, `signIns`, and
    `deliveryTime`: p50 and p95, in milliseconds, of the time from when messages were due to when they were sent.
    """
    return chart_series.read_chart(query["metric"], _period(query))


@blp.route(f"{BASE}/overview/charts", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(schemas.ChartsQuery, location="query")
@blp.response(200, schemas.ChartOut(many=True))
def list_charts(query: dict[str, Any]) -> list[dict[str, Any]]:
    """Show several metrics over the same time, in the order of `metrics`; each as `/core/overview/series` shows it."""
    period = _period(query)
    return [chart_series.read_chart(metric, period) for metric in query["metrics"]]


def _period(query: dict[str, Any]) -> chart_series.Period:
    return chart_series.choose_period(query["start"], query["end"], query["step"], utcnow())


@blp.route(f"{BASE}/attention", methods=["GET"])
@guard(Role.ADMIN)
@blp.response(200, AttentionOut(many=True))
def list_problems() -> list[AttentionItem]:
    """List what needs an operator's attention, over all services, with the URL of the list that shows each problem.

    `meta.unavailable` names the services that did not respond.
    """
    problems, unavailable = attention.collect(utcnow())
    g.meta = {"unavailable": unavailable}
    return problems


@blp.route(f"{BASE}/search", methods=["GET"])
@authenticated
@blp.arguments(schemas.SearchQuery, location="query")
@blp.response(200, schemas.HitOut(many=True))
def search_everything(query: dict[str, Any]) -> list[search.Hit]:
    """Search users, cities, schedules and integrations by name, messages, operations and events by ID, and event types.

    The result has what the caller may see. `meta.unavailable` names the services that did not respond.
    """
    hits, unavailable = search.search(query["q"], caller())
    g.meta = {"unavailable": unavailable}
    return hits


def _set_cache_header(response: Response, *, is_hit: bool) -> Response:
    response.headers["X-Cache"] = "HIT" if is_hit else "MISS"
    return response


@blp.route(f"{BASE}/users/<uuid:user_id>/profile", methods=["GET"])
@authenticated
@documents(IF_NONE_MATCH)
@tagged
@blp.response(200, schemas.ProfileOut)
def get_profile(user_id: UUID) -> dict[str, Any]:
    """Show a user's account, notifications, integrations and sessions in one response."""
    sections, g.meta = profile.build(user_id, caller())
    return sections


@blp.route(f"{BASE}/personal-data", methods=["GET"])
@authenticated
@blp.arguments(part_query(PARTS), location="query")
@blp.response(200, PersonalRecordOut(many=True))
def list_personal_data(query: dict[str, Any]) -> Page:
    """List one part of the data that this service stores about you. `GET /users/me/export` collects all parts."""
    return PARTS[query.pop("part")].page(exported_user(query.pop("user_id")), **query)
