"""What is wrong with the environment is said before anything is started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HEIDI_PORT", "abc", "HEIDI_PORT is 'abc', not a number from 1 to 65535"),
        ("HEIDI_BASE_PORT", "70000", "HEIDI_BASE_PORT is '70000', not a number from 1 to 65511"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL: 'LOUD' is not one of DEBUG, INFO, WARNING, ERROR"),
    ],
)
def test_a_wrong_variable_is_named_and_nothing_is_started(tmp_path: Path, name: str, value: str, said: str) -> None:
    env = os.environ | {"HEIDI_HOME": str(tmp_path / "home"), name: value}
    done = subprocess.run(
        [sys.executable, "-m", "heidi_standalone"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == (1, f"Heidi cannot run: {said}")
    assert not (tmp_path / "home" / "postgres").exists()
