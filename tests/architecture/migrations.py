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
    """Return what `flask db migrate` would add: nothing if the migrations create what the models describe."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _is_comparable})
        return list(compare_metadata(context, metadata))


def _is_comparable(_object: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Leave out expression indexes (`hx_...`), which Alembic cannot compare: see migrations/env.py."""
    return not (kind == "index" and reflected and compare_to is None and str(name).startswith("hx_"))


def gaps(names: Iterable[str]) -> list[str]:
    """Find gaps in the numbers of the migrations, which are assigned by hand from 0001."""
    return [f"{number:04d} is {name}" for number, name in enumerate(sorted(names), 1) if name[:4] != f"{number:04d}"]
