"""The crontab lines of the guide, run by a shell as cron does, against a real server."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from heidi_common.identity.models import Role
from tests.served_app import served

GUIDE = Path(__file__).parents[2] / "docs/guide.md"
URL = "/api/v1/schedules/monitors"
TIMEOUT_SECONDS = 60


def commands() -> list[str]:
    """The commands of the crontab block, without their times."""
    (block,) = re.findall(r"```crontab\n(.*?)```", GUIDE.read_text(), re.S)
    return [line.split(maxsplit=5)[5] for line in block.splitlines()]


@pytest.fixture
def server(app: Flask) -> Iterator[str]:
    with served(app) as url:
        yield url


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize(
    ("number", "exit_status", "kinds", "status"),
    [
        (0, 0, ["SUCCESS"], "UP"),
        (0, 3, [], "NEW"),
        (1, 0, ["START", "SUCCESS"], "UP"),
        (1, 3, ["START", "FAIL"], "DOWN"),
    ],
)
def test_the_crontab_lines_of_the_guide_report_how_a_job_has_ended(
    server: str,
    client: FlaskClient,
    as_user: Callable[..., Any],
    tmp_path: Path,
    number: int,
    exit_status: int,
    kinds: list[str],
    status: str,
) -> None:
    headers = as_user(Role.ADMIN).headers
    monitor = client.post(URL, headers=headers, json={"name": "backup", "every": "P1D"}).json["data"]
    job = tmp_path / "backup"
    job.write_text(f"#!/bin/sh\necho 12 files copied\nexit {exit_status}\n")
    job.chmod(0o755)
    command = commands()[number].replace("/usr/local/bin/backup", str(job))
    ping_url = server + "/" + monitor["pingUrl"].split("/", 3)[3]
    environment = {"PING": ping_url, "PATH": "/usr/bin:/bin:/usr/local/bin"}
    subprocess.run(["/bin/sh", "-c", command], env=environment, check=False, timeout=TIMEOUT_SECONDS)
    url = f"{URL}/{monitor['id']}"
    pings = client.get(f"{url}/pings", headers=headers).json["data"]
    assert [item["kind"] for item in reversed(pings)] == kinds
    assert client.get(url, headers=headers).json["data"]["status"] == status
    if number == 1:
        last = client.get(f"{url}/pings/{pings[0]['id']}", headers=headers).json["data"]
        assert (last["body"], last["exitStatus"]) == ("12 files copied", exit_status)
