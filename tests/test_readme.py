"""What the README says is checked: its tables against the code, its links against the files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from heidi_common.config.settings import ConfigError, Settings
from heidi_services import SERVICES
from tests.architecture.source import sources

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RENAMED = {"HEIDI_ENV": "environment", "HEIDI_BASE_PORT": "base_port"}
SET_BY_OTHERS = {"PATH", "HOME", "GUNICORN_FD"}


class Asked(dict[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def get(self, name: str, default: Any = None) -> Any:
        self.names.append(name)
        return default


def asked_for() -> list[str]:
    env = Asked()
    with pytest.raises(ConfigError):
        Settings.from_env(env)
    return env.names


def table(name: str) -> dict[str, str]:
    """Variable -> its default, as the README has it."""
    section = README.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row[1] for row in rows}


def defaults() -> Iterator[tuple[str, str]]:
    for found in fields(Settings):
        if found.default is MISSING and found.default_factory is MISSING:
            yield found.name, "required"
        else:
            yield found.name, shown(found.default if found.default is not MISSING else "")


def shown(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value if value is not None else "")
    return f"`{text}`" if text else ""


def test_the_table_of_settings_is_the_one_in_the_code() -> None:
    assert sorted(table("settings")) == sorted(asked_for())


def test_the_defaults_in_the_table_are_those_in_the_code() -> None:
    expected = dict(defaults())
    told = table("settings")
    real = {name: expected[RENAMED.get(name, name.lower())] for name in told}
    assert told == real


def environment_names(tree: ast.AST) -> Iterator[str]:
    """Names that are read straight from the environment, or from what `flask up` was given."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript | ast.Call) and isinstance(name := _first_constant(node), str):
            source = ast.unparse(node.value if isinstance(node, ast.Subscript) else node.func)
            if name.isupper() and source in ("os.environ", "os.environ.get", "os.getenv", "given.get"):
                yield name


def _first_constant(node: ast.Subscript | ast.Call) -> Any:
    first = node.slice if isinstance(node, ast.Subscript) else next(iter(node.args), None)
    return first.value if isinstance(first, ast.Constant) else None


def test_every_other_variable_that_is_read_is_in_the_readme() -> None:
    trees = {**sources(), "gunicorn.conf.py": ast.parse((ROOT / "gunicorn.conf.py").read_text())}
    read = {name for tree in trees.values() for name in environment_names(tree)}
    assert "HEIDI_HOME" in read and "WEB_THREADS" in read
    assert read - set(table("settings")) - set(table("processes")) - SET_BY_OTHERS == set()


def test_the_services_and_their_ports_are_those_in_the_code() -> None:
    assert re.findall(r"^\| (\w+) \| (\d{4}) \|", README, re.M) == [
        (name, str(service.port)) for name, service in SERVICES.items()
    ]


@pytest.mark.parametrize("document", ["README.md", *(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.md"))])
def test_links_lead_somewhere(document: str) -> None:
    file = ROOT / document
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", file.read_text())
    missing = [target for target in targets if "://" not in target and not (file.parent / target).exists()]
    assert missing == []


def test_the_commands_that_the_readme_names_exist() -> None:
    known = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"\bmake ([a-z]+)\b", README)) <= known
