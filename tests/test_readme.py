"""The README agrees with the code: its tables, its commands and its links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from heidi_common.config.declaration import declarations
from heidi_common.config.reference import default_cell
from heidi_common.config.settings import Settings
from heidi_services import SERVICES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def table(name: str) -> dict[str, str]:
    """Parse a table of the README: variable -> default."""
    section = README.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row[1] for row in rows}


def test_the_ten_settings_of_the_table_exist_with_these_defaults() -> None:
    declared = {item.variable: default_cell(item) for item in declarations(Settings).values()}
    settings = table("settings")
    assert len(settings) == 10
    assert settings == {variable: declared.get(variable) for variable in settings}


def test_the_services_and_ports_are_those_of_the_registry() -> None:
    assert re.findall(r"^\| (\w+) \| (\d{4}) \|", README, re.M) == [
        (name, str(service.port)) for name, service in SERVICES.items()
    ]


DOCUMENTS = ["README.md", "CONTRIBUTING.md", *(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.md"))]
FOLDERS = ("heidi_", "workers/", "tests/", "migrations/", "deploy/", "nginx/", "benchmarks/")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_files_that_a_document_names_exist(document: str) -> None:
    paths = re.findall(r"`([\w./-]+/[\w./-]*)(?::[^`]*)?`", (ROOT / document).read_text())
    assert [path for path in paths if path.startswith(FOLDERS) and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_point_to_existing_files(document: str) -> None:
    file = ROOT / document
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", file.read_text())
    missing = [target for target in targets if "://" not in target and not (file.parent / target).exists()]
    assert missing == []


def test_the_make_targets_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"\bmake ([a-z-]+)\b", README)) <= targets
