"""Errors of the services as errors of GraphQL."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLError

from heidi_common.peers.models import PeerResponse


def service_error(service: str, response: PeerResponse) -> GraphQLError:
    """The error of a call that failed, with the service's name, and its error code in `extensions`."""
    body: dict[str, Any] = response.body if isinstance(response.body, dict) else {}
    extensions = {"service": service, "status": response.status, "code": body.get("code", "unavailable")}
    if body.get("errors"):
        extensions["errors"] = body["errors"]
    return GraphQLError(body.get("detail") or f"The service {service} is unavailable.", extensions=extensions)


def rejection(code: str, detail: str) -> GraphQLError:
    """The error of a document that is not executed."""
    return GraphQLError(detail, extensions={"code": code})
