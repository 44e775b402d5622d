"""`flask` without an environment: help works, and errors name what is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MISSING = "DATABASE_URL is missing, REDIS_URL is missing"


def flask(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "flask", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize(
    ("arguments", "helps"),
    [
        (["--help"], "Users: create an administrator"),
        (["users", "--help"], "create-admin"),
        (["users", "create-admin", "--help"], "--password-stdin"),
        (["db", "--help"], "upgrade"),
    ],
)
def test_help_works_without_an_environment_and_names_the_missing_variables_in_one_line(
    arguments: list[str], helps: str
) -> None:
    done = flask(*arguments)
    assert (done.returncode, helps in done.stdout) == (0, True)
    (line,) = done.stderr.strip().splitlines()
    assert MISSING in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["users", "list"],
        ["clients", "create", "a-name", "--scope", "x"],
        ["db", "upgrade"],
        ["routes"],
        ["run"],
        ["nonsense"],
    ],
)
def test_no_command_runs_without_an_environment_and_the_error_is_not_a_traceback(arguments: list[str]) -> None:
    done = flask(*arguments)
    assert done.returncode != 0
    assert "DATABASE_URL is missing" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_web_process_does_not_start_without_an_environment_even_when_flask_started_it() -> None:
    command = [sys.executable, "-c", "import wsgi"]
    done = subprocess.run(command, cwd=ROOT, env={"FLASK_RUN_FROM_CLI": "true"}, capture_output=True, text=True)
    assert done.returncode != 0
    assert "ConfigError" in done.stderr
