"""Lists: filters from the query, and the URLs of other pages of the list."""

from __future__ import annotations

from typing import Any

from flask import request, url_for

PAGE_SIZE = 50


def filters(*names: str) -> dict[str, str]:
    """The filters that the query sets, by name.

    Args:
        names: The names of the filters, in the spelling of the API.
    """
    return {name: value for name in names if (value := request.args.get(name, "").strip())}


def page_of(**params: Any) -> dict[str, Any]:
    """Parameters for a list of the API: the page that the query selects, and filters."""
    return {"limit": PAGE_SIZE, "cursor": request.args.get("cursor"), **params}


def page_url(**changes: str | None) -> str:
    """The URL of this page with another query; None removes a parameter.

    A change of a filter starts at the first page.
    """
    kept = request.args.to_dict() | changes
    if "cursor" not in changes:
        kept.pop("cursor", None)
    values: dict[str, Any] = {name: value for name, value in kept.items() if value is not None}
    assert request.endpoint
    return url_for(request.endpoint, **(request.view_args or {}), **values)
