"""The Makefile in a hostile environment, and under sudo."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

USER = 12_345


def make(folder: Path, *arguments: str, text: str | None = None, **env: str) -> "subprocess.CompletedProcess[str]":
    env = {"PATH": os.environ["PATH"]} | env
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=folder, env=env, input=text, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("name", "passes"),
    [
        *[(f"PIP_{option}", False) for option in ("USER", "TARGET", "PREFIX", "ROOT", "NO_DEPS", "REQUIRE_VIRTUALENV")],
        *[(name, False) for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONOPTIMIZE", "PGHOST", "FLASK_DEBUG")],
        *[(f"PIP_{option}", True) for option in ("INDEX_URL", "PROXY", "CERT")],
    ],
)
def test_variables_of_other_projects_do_not_reach_the_commands(name: str, passes: bool) -> None:
    probe = f"include {ROOT}/Makefile\nprobe:\n\t@echo [$${name}]\n"
    assert make(ROOT, "-f", "-", "probe", text=probe, **{name: "x"}).stdout.strip() == ("[x]" if passes else "[]")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
@pytest.mark.parametrize(
    ("owner", "sudo", "is_refused"), [(USER, USER, True), (USER, 23_456, True), (USER, 0, False), (0, USER, False)]
)
def test_sudo_in_the_folder_of_a_user_is_refused_before_anything_is_written(
    tmp_path: Path, owner: int, sudo: int, is_refused: bool
) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    os.chown(tmp_path, owner, owner)
    refused = make(tmp_path, "owner", SUDO_UID=str(sudo))
    assert (refused.returncode != 0, "without sudo" in refused.stderr) == (is_refused, is_refused)
    assert [path.name for path in tmp_path.iterdir()] == ["Makefile"]
