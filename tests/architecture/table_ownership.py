"""Rules about tables: who owns them, and that nothing ties two owners together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module, util
from types import ModuleType

from sqlalchemy import MetaData, Table

from heidi_services import SERVICES

IDENTITY = "identity"
COMMON = (
    "heidi_common.messaging.outbox",
    "heidi_common.messaging.inbox",
    "heidi_common.interceptors.idempotency_keys",
    "heidi_common.audit.trail",
)
SHARE_IDENTITY = frozenset({IDENTITY, "auth", "users"})
"""The one User row holds credentials (auth) and profile (users): these two may refer to it."""


def owners() -> dict[str, str]:
    """Table -> the service whose models.py defines it; `identity` and `common` for the shared ones."""
    homes = {"heidi_common.identity.models": IDENTITY} | dict.fromkeys(COMMON, "common")
    homes |= {f"heidi_services.{name}.models": name for name in SERVICES}
    return {
        table: owner for path, owner in homes.items() if util.find_spec(path) for table in _tables(import_module(path))
    }


def _tables(module: ModuleType) -> set[str]:
    found = set()
    for value in vars(module).values():
        if isinstance(value, Table):
            found.add(value.name)
        elif isinstance(value, type) and value.__module__ == module.__name__ and hasattr(value, "__table__"):
            found.add(value.__table__.name)
    return found


def crossing_keys(tables: Iterable[Table], owners: Mapping[str, str]) -> list[str]:
    """Foreign keys from one owner's table into another's."""
    return [
        f"{table.name}.{key.parent.name} -> {key.column.table.name}"
        for table in tables
        for key in table.foreign_keys
        if not _may_refer(owners.get(table.name), owners.get(key.column.table.name))
    ]


def _may_refer(owner: str | None, target: str | None) -> bool:
    return owner == target or (target == IDENTITY and owner in SHARE_IDENTITY)


def ownerless(metadata: MetaData, owners: Mapping[str, str]) -> list[str]:
    """Tables that no models.py defines."""
    return sorted(set(metadata.tables) - set(owners))
