"""Invalid variables are reported before anything is started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HEIDI_PORT", "abc", "HEIDI_PORT must be a number from 1 to 65535, not 'abc'."),
        ("HEIDI_BASE_PORT", "70000", "HEIDI_BASE_PORT must be a number from 1 to 65511, not '70000'."),
        ("TRUSTED_PROXIES", "proxy", "TRUSTED_PROXIES: 'proxy' does not appear to be an IPv4 or IPv6 network"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL: 'LOUD' is not one of DEBUG, INFO, WARNING, ERROR"),
    ],
)
def test_an_invalid_variable_is_named_and_nothing_is_started(
    tmp_path: Path, name: str, value: str, message: str
) -> None:
    env = os.environ | {"HEIDI_HOME": str(tmp_path / "home"), name: value}
    result = subprocess.run(
        [sys.executable, "-m", "heidi_standalone"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr.strip()) == (1, f"Error: {message}")
    assert not (tmp_path / "home" / "postgres").exists()
