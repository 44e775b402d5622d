"""The commands of docs/getting-started.md, run in their order against a platform."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.platform import Platform
from tests.ports import free_port

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs" / "getting-started.md").read_text()
pytestmark = pytest.mark.slow


def commands(platform: Platform) -> str:
    """The page's shell blocks as one script, with the addresses of this platform."""
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```$", DOCUMENT, re.M | re.S))
    addresses = {
        "http://localhost:8080": platform.url,
        ".venv/bin/python": sys.executable,
        ".heidi/": f"{platform.home}/",
        "9000": str(free_port()),
    }
    for written, actual in addresses.items():
        assert written in script
        script = script.replace(written, actual)
    return script


def test_every_command_of_the_page_works(tmp_path: Path) -> None:
    platform = Platform(tmp_path / "home")
    platform.start()
    try:
        script = ["bash", "-euo", "pipefail", "-c", commands(platform)]
        result = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    finally:
        platform.stop()
    assert result.returncode == 0, result.stdout + result.stderr
    mail, slot, content, enabled, received, event_type = result.stdout.splitlines()[-6:]
    assert "/mail/new/" in mail
    assert slot.endswith("Z")
    assert (content, enabled, event_type) == ("A minute has passed.", "False", "issues")
    assert "v1," in received and "integration.webhook" in received
