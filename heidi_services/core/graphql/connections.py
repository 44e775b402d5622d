"""Relay's connections on the cursors of the services' lists.

Source: GraphQL Cursor Connections Specification, https://relay.dev/graphql/connections.htm.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import strawberry
from strawberry.types.nodes import SelectedField

from heidi_common.schemas.naming import camel
from heidi_services.core.graphql.loading import Services

T = TypeVar("T")
PAGE_SIZE = 20
Info = strawberry.Info[Services, None]


@strawberry.type(description="Where a page is in its list.")
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type(description="An item of a page.")
class Edge(Generic[T]):
    node: T
    cursor: str | None = strawberry.field(description="Only the last item of a page has a cursor.")


@strawberry.type(description="A page of a list. Pass `pageInfo.endCursor` as `after` to read the next page.")
class Connection(Generic[T]):
    edges: list[Edge[T]]
    nodes: list[T]
    page_info: PageInfo
    total_count: int | None = strawberry.field(description="Exact up to 10,000, above an estimate.")


async def read_page(info: Info, service: str, path: str, first: int, after: str | None, **filters: Any) -> Any:
    """Read a page of a list.

    Args:
        info: The field, and the services.
        service: The name of the service.
        path: The path of the list after `/api/v1`.
        first: The size of the page, 1 to 100.
        after: The cursor of the page before.
        filters: Further parameters of the list in snake_case; those that are None are left out.

    Returns:
        The values of a Connection.
    """
    params = {camel(name): value for name, value in filters.items()} | {"limit": first, "cursor": after}
    if any(_selects(selected, "totalCount") for selected in info.selected_fields):
        params["total"] = True
    response = await info.context.read(service, path, params)
    end = response.meta.get("nextCursor")
    items = response.data
    cursors = [None] * (len(items) - 1) + [end]
    return {
        "edges": [{"node": item, "cursor": cursor} for item, cursor in zip(items, cursors, strict=False)],
        "nodes": items,
        "pageInfo": {
            "hasNextPage": response.meta.get("hasMore", False),
            "hasPreviousPage": after is not None,
            "endCursor": end,
        },
        "totalCount": response.meta.get("total"),
    }


def _selects(selected: Any, name: str) -> bool:
    """Whether a field selects another directly or by fragments."""
    return any(
        each.name == name if isinstance(each, SelectedField) else _selects(each, name) for each in selected.selections
    )
