"""The scopes of machine clients: the only definition. A scope that is not listed here grants nothing."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Scope(StrEnum):
    """What a machine client may do, as `resource:action`."""

    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    NOTIFICATIONS_READ = "notifications:read"
    NOTIFICATIONS_WRITE = "notifications:write"
    SCHEDULES_WRITE = "schedules:write"
    INTEGRATIONS_READ = "integrations:read"
    INTEGRATIONS_WRITE = "integrations:write"
    FILES_READ = "files:read"
    FILES_WRITE = "files:write"


DESCRIPTIONS: Mapping[Scope, str] = {
    Scope.USERS_READ: "List and read all accounts.",
    Scope.USERS_WRITE: "Create, change and delete accounts, except those of administrators.",
    Scope.NOTIFICATIONS_READ: "Read the notifications of all users.",
    Scope.NOTIFICATIONS_WRITE: "Send messages and invitations, cancel own messages; includes notifications:read.",
    Scope.SCHEDULES_WRITE: "Read, create, change and delete schedules and monitors.",
    Scope.INTEGRATIONS_READ: "Read all integrations with their logs, events and deliveries, without credentials.",
    Scope.INTEGRATIONS_WRITE: "Change all integrations, except those of administrators.",
    Scope.FILES_READ: "List and download the files of all users.",
    Scope.FILES_WRITE: "Upload files for users; change, link and delete the files of all users.",
}

_VALUES = frozenset(scope.value for scope in Scope)


def describe_scopes() -> str:
    """List all scopes with their descriptions in one line of Markdown."""
    return " ".join(f"`{scope}`: {description}" for scope, description in DESCRIPTIONS.items())


def known_scopes(scopes: list[str]) -> list[str]:
    """Select the scopes that exist. Clients that were created by an earlier version may have others."""
    return [scope for scope in scopes if scope in _VALUES]
