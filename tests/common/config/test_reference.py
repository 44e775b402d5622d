"""docs/configuration.md is what the settings declare, and every variable that the code reads is declared."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from heidi_common.config import reference
from heidi_common.config.declaration import declarations, sections, setting
from heidi_common.config.sections.backup import BackupSettings
from heidi_common.config.sections.processes import LocalPlatform, WebProcess
from heidi_common.config.settings import ConfigError, Settings
from tests.architecture.source import sources

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "configuration.md").read_text()
RENAMED = {"HEIDI_ENV": "environment", "HEIDI_BASE_PORT": "base_port"}
SET_BY_OTHERS = {"PATH", "HOME", "GUNICORN_FD"}


class RecordingEnvironment(dict[str, str]):
    """An empty environment that records the names of the variables that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def get(self, name: str, default: Any = None) -> Any:
        self.names.append(name)
        return default


def variables_read() -> list[str]:
    env = RecordingEnvironment()
    with pytest.raises(ConfigError):
        Settings.from_env(env)
    return env.names


def variables(kind: type) -> list[str]:
    return [declaration.variable for declaration in declarations(kind).values()]


def table() -> dict[str, str]:
    """Variable -> its default, as in the document."""
    lines = [line for line in DOCUMENT.splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {row[0].strip("`"): row[1] for row in rows}


def defaults() -> Iterator[tuple[str, str]]:
    for item in (item for section in sections(Settings) for item in fields(section)):
        if item.default is MISSING and item.default_factory is MISSING:
            yield item.name, "required"
        else:
            yield item.name, cell(item.default if item.default is not MISSING else "")


def cell(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value if value is not None else "")
    return f"`{text}`" if text else ""


def test_the_document_is_up_to_date() -> None:
    assert reference.markdown() == DOCUMENT, "run `make configuration`"


def test_the_document_has_every_variable_once() -> None:
    documented = [line.split("`")[1] for line in DOCUMENT.splitlines() if line.startswith("| `")]
    expected = [*variables_read(), *variables(WebProcess), *variables(BackupSettings), *variables(LocalPlatform)]
    assert sorted(documented) == sorted(expected) == sorted(set(expected))


def test_the_defaults_in_the_document_are_those_in_the_code() -> None:
    expected = dict(defaults())
    documented = {name: default for name, default in table().items() if name in variables_read()}
    real = {name: expected[RENAMED.get(name, name.lower())] for name in documented}
    assert documented == real


def test_every_setting_has_a_meaning_that_fits_into_a_table() -> None:
    everything = [item for kind in reference.KINDS for item in declarations(kind).values()]
    assert [item.variable for item in everything if not item.help.endswith(".") or "|" in item.help] == []


def test_a_setting_is_documented_by_its_declaration_alone() -> None:
    @dataclass(frozen=True)
    class Example:
        """Example."""

        secret: str = setting("EXAMPLE_SECRET", in_repr=False, help="A secret.")
        number: int = setting("EXAMPLE_NUMBER", default=0, production_default=1, help="A number.")

    document = reference._section(Example)
    assert document.startswith("## Example\n")
    assert "| `EXAMPLE_SECRET` | required | A secret. |" in document
    assert "| `EXAMPLE_NUMBER` | `0` | A number. In production the default is `1`. |" in document


def environment_names(tree: ast.AST) -> Iterator[str]:
    """Names that are read directly from the environment, or from the variables that `flask up` receives."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript | ast.Call) and isinstance(name := _first_constant(node), str):
            source = ast.unparse(node.value if isinstance(node, ast.Subscript) else node.func)
            if name.isupper() and source in ("os.environ", "os.environ.get", "os.getenv", "given.get"):
                yield name


def _first_constant(node: ast.Subscript | ast.Call) -> Any:
    first = node.slice if isinstance(node, ast.Subscript) else next(iter(node.args), None)
    return first.value if isinstance(first, ast.Constant) else None


def test_no_setting_is_read_past_its_declaration() -> None:
    trees = {**sources(), "gunicorn.conf.py": ast.parse((ROOT / "gunicorn.conf.py").read_text())}
    names = {name for tree in trees.values() for name in environment_names(tree)}
    assert names - SET_BY_OTHERS == set()
    assert set(environment_names(ast.parse('os.environ.get("HEIDI_HOME") or os.environ["A"]'))) == {"HEIDI_HOME", "A"}
