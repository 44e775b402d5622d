"""Read the integrations that a caller may see."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from heidi_common.database.pagination import Page, newest_first
from heidi_common.database.session import db
from heidi_common.database.text_search import contains
from heidi_common.jwt.guards import Caller
from heidi_common.problems import NotFound
from heidi_services.integration.models import Integration


def get_visible(integration_id: UUID, caller: Caller, *, lock: bool = False) -> Integration:
    """Read an integration that the caller may see: its own; any for an ADMIN or a machine client.

    Args:
        integration_id: The integration.
        caller: The user or machine client that sent the request.
        lock: Lock the row until the end of the transaction, and read its current state.

    Raises:
        NotFound: The integration does not exist, or the caller may not see it.
    """
    integration = db.session.get(Integration, integration_id, with_for_update=lock or None, populate_existing=lock)
    if integration is None or not (integration.user_id == caller.id or sees_all(caller)):
        raise NotFound("Integration not found.")
    return integration


def sees_all(caller: Caller) -> bool:
    return caller.is_admin or caller.kind == "client"


def list_integrations(caller: Caller, query: dict[str, Any]) -> Page:
    """A page of the integrations that the caller may see, newest first."""
    statement: Select[Any] = select(Integration)
    if not sees_all(caller):
        statement = statement.where(Integration.user_id == caller.id)
    for name in ("user_id", "provider", "is_active"):
        if query.get(name) is not None:
            statement = statement.where(getattr(Integration, name) == query[name])
    if query.get("q") is not None:
        statement = statement.where(contains(func.plain_letters(Integration.name), query["q"]))
    if query.get("is_failing") is not None:
        fails = Integration.failing_since.is_not(None)
        statement = statement.where(fails if query["is_failing"] else ~fails)
    return newest_first(statement, Integration, query)
