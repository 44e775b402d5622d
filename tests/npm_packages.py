"""Packages of npm in pinned versions, installed once into a folder beside the test that needs them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

OPTIONS = ("--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--silent")


def node_modules(folder: Path, versions: Mapping[str, str]) -> Path:
    """Install packages below a folder, and return their folder. Without npm, skip the test; under CI=true, fail it."""
    if not shutil.which("npm"):
        reason = "npm is not installed (Debian: apt-get install npm)"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    modules = folder / "node_modules"
    if not (modules / ".installed").exists():
        packages = [f"{name}@{version}" for name, version in versions.items()]
        subprocess.run(["npm", "install", *OPTIONS, "--prefix", str(folder), *packages], check=True, timeout=300)
        (modules / ".installed").touch()
    return modules
