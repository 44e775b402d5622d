"""The installed Chromium."""

from __future__ import annotations

import os
import shutil

import pytest


def need_chromium() -> str:
    """The path of Chromium. Without it, skip the test; under CI=true, fail it."""
    if path := shutil.which("chromium"):
        return path
    reason = "Chromium is not installed (Debian: apt-get install chromium)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
