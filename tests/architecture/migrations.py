"""Rules about the migrations."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData

FOLDER = Path(__file__).parents[2] / "migrations"


def heads(folder: Path = FOLDER) -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(folder))
    return list(ScriptDirectory.from_config(config).get_heads())


def differences(engine: Engine, metadata: MetaData) -> list[Any]:
    """What `flask db migrate` would write: nothing, when the migrations make what the models describe."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _ours})
        return list(compare_metadata(context, metadata))


def _ours(_object: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Alembic cannot compare expression indexes; those carry `hx_` in front (see migrations/env.py)."""
    return not (kind == "index" and reflected and compare_to is None and str(name).startswith("hx_"))


def gaps(names: Iterable[str]) -> list[str]:
    """Migrations are numbered by hand, 0001 onwards."""
    return [f"{number:04d} is {name}" for number, name in enumerate(sorted(names), 1) if name[:4] != f"{number:04d}"]
