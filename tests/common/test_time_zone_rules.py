"""The rules of time zones come from the package `tzdata` in every process, whatever the operating system has."""

import os
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import tzdata

ROOT = Path(__file__).parents[2]
ZONE = "Asia/Kathmandu"

PRINT_OFFSET = f"""
from datetime import datetime
from zoneinfo import ZoneInfo
print(datetime(2026, 5, 5, tzinfo=ZoneInfo({ZONE!r})).utcoffset())
"""


@pytest.fixture
def foreign_rules(tmp_path: Path) -> dict[str, str]:
    """An environment whose time zone rules differ from those of the package."""
    folder = tmp_path / "zoneinfo" / "Asia"
    folder.mkdir(parents=True)
    source = Path(tzdata.__file__).parent / "zoneinfo" / "Etc" / "GMT+3"
    (folder / "Kathmandu").write_bytes(source.read_bytes())
    return os.environ | {"PYTHONTZPATH": str(folder.parent)}


def offset_after(statement: str, environment: dict[str, str]) -> str:
    command = [sys.executable, "-W", "ignore", "-c", f"{statement}\n{PRINT_OFFSET}"]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_other_rules_are_used_without_the_platform(foreign_rules: dict[str, str]) -> None:
    assert offset_after("", foreign_rules) == "-1 day, 21:00:00"


@pytest.mark.parametrize(
    "module",
    [
        "workers.clock",
        "workers.relay",
        "workers.main",
        "heidi_console.app",
        "heidi_common.cli.commands",
        "heidi_services",
    ],
)
def test_every_process_uses_the_rules_of_the_package(module: str, foreign_rules: dict[str, str]) -> None:
    assert offset_after(f"import {module}", foreign_rules) == "5:45:00"


def test_a_zone_that_was_loaded_before_is_loaded_again(foreign_rules: dict[str, str]) -> None:
    loaded = f"from zoneinfo import ZoneInfo\nZoneInfo({ZONE!r})\nimport heidi_common"
    assert offset_after(loaded, foreign_rules) == "5:45:00"


def test_a_zone_that_only_the_operating_system_has_is_unknown(foreign_rules: dict[str, str], tmp_path: Path) -> None:
    extra = tmp_path / "zoneinfo" / "Mars"
    extra.write_bytes((tmp_path / "zoneinfo" / "Asia" / "Kathmandu").read_bytes())
    load = "from heidi_common.schemas.timezones import timezone_names"
    output = offset_after(f"{load}\nprint('Mars' in timezone_names(), len(timezone_names()) > 400)", foreign_rules)
    assert output.splitlines() == ["False True", "5:45:00"]
    assert ZoneInfo("Europe/Kyiv").key == "Europe/Kyiv"
