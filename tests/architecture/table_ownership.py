"""Rules about tables: each has one owner, and no foreign key connects two owners."""

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
    "heidi_common.export_jobs.models",
    "heidi_common.import_jobs.models",
    "heidi_common.audit.trail",
    "heidi_common.audit.addresses",
    "heidi_common.metrics.heartbeat",
    "heidi_common.metrics.clock_state",
    "heidi_common.metrics.platform_states",
    "heidi_common.metrics.time_series",
)
SHARE_IDENTITY = frozenset({IDENTITY, "auth", "users"})
"""The User row holds credentials (auth) and profile (users), so that these two services may refer to it."""


def owners() -> dict[str, str]:
    """Map each table to the service whose models.py defines it; shared tables belong to `identity` or `common`."""
    homes = {"heidi_common.identity.models": IDENTITY} | dict.fromkeys(COMMON, "common")
    homes |= {f"heidi_services.{name}.models": name for name in SERVICES}
    return {
        table: owner for path, owner in homes.items() if util.find_spec(path) for table in _tables(import_module(path))
    }


def _tables(module: ModuleType) -> set[str]:
    tables = set()
    for value in vars(module).values():
        if isinstance(value, Table):
            tables.add(value.name)
        elif isinstance(value, type) and value.__module__ == module.__name__ and hasattr(value, "__table__"):
            tables.add(value.__table__.name)
    return tables


def crossing_keys(tables: Iterable[Table], owners: Mapping[str, str]) -> list[str]:
    """Find the foreign keys from a table of one owner to a table of another."""
    return [
        f"{table.name}.{key.parent.name} -> {key.column.table.name}"
        for table in tables
        for key in table.foreign_keys
        if not _may_refer(owners.get(table.name), owners.get(key.column.table.name))
    ]


def _may_refer(owner: str | None, target: str | None) -> bool:
    return owner == target or (target == IDENTITY and owner in SHARE_IDENTITY)


def ownerless(metadata: MetaData, owners: Mapping[str, str]) -> list[str]:
    """Find the tables that no models.py defines."""
    return sorted(set(metadata.tables) - set(owners))
