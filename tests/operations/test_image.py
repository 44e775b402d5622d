"""The image, built from the Dockerfile and run by chroot, where no container engine runs (docs/image.md)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import psycopg2
import pytest
import requests

from heidi_common.config.settings import Settings
from heidi_common.database.dsn import psycopg2_dsn
from heidi_standalone.servers.postgres import Postgres
from tests.conftest import ROOT
from tests.polling import TIMEOUT_SECONDS, until
from tests.ports import free_port
from tests.process_environment import process_environment

pytestmark = [
    pytest.mark.operations,
    pytest.mark.timeout(3600),  # packages of Debian and Python are downloaded
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, ("buildah", "debootstrap"))),
        reason="the image is built by root, with buildah and debootstrap",
    ),
]
BASE = "localhost/python:3.11-slim"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
PIP = '#!/bin/sh\nexec /usr/bin/python3 -m pip "$@"\n'
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
BUILD = ("--isolation", "chroot", "--network", "host", "--pull-never", "--ignorefile", ".dockerignore")


class TcpPostgres(Postgres):
    """A server that processes in a chroot reach."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, durable=False)
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"postgresql+psycopg2://postgres@127.0.0.1:{self.port}/postgres"

    def command(self) -> list[str]:
        return [*super().command(), "-c", "listen_addresses=127.0.0.1", "-c", f"port={self.port}"]

    def is_ready(self) -> bool:
        try:
            psycopg2.connect(psycopg2_dsn(self.url), connect_timeout=5).close()
        except psycopg2.OperationalError:
            return False
        return True


class Image:
    """A container of the image. Its processes get the environment of a platform."""

    def __init__(self, buildah: list[str], env: dict[str, str]) -> None:
        self._buildah, self._env = buildah, env
        self._container = output([*buildah, "from", "--pull-never", "heidi:local"])
        self.config: dict[str, Any] = json.loads(output([*buildah, "inspect", self._container]))["Docker"]["config"]

    def command(self, *argv: str, **env: str) -> list[str]:
        """The command that runs a program of the image as a container engine does: with its entry point and user."""
        options = [part for name, value in (self._env | env).items() for part in ("--env", f"{name}={value}")]
        chroot = [*self._buildah, "run", "--isolation", "chroot", "--network", "host", *options, self._container, "--"]
        return [*chroot, *self.config["Entrypoint"], *(argv or self.config["Cmd"])]

    def run(self, *argv: str, **env: str) -> str:
        return output(self.command(*argv, **env))

    @contextmanager
    def started(self, *argv: str, **env: str) -> Iterator[None]:
        """Run a program of the image while the block lasts."""
        process = psutil.Popen(self.command(*argv, **env))
        try:
            yield
        finally:
            for each in (*reversed(process.children(recursive=True)), process):
                each.terminate()
            process.wait(TIMEOUT_SECONDS)


def output(command: list[str]) -> str:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{command}: {result.stdout[-3000:]}{result.stderr[-3000:]}"
    return result.stdout.strip()


def make_base(folder: Path) -> None:
    """A root file system with Debian's Python, which trusts what this machine trusts, in place of python:3.11-slim."""
    output(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(folder)])
    programs = folder / "usr" / "local" / "bin"
    (programs / "python").symlink_to("/usr/bin/python3")
    (programs / "pip").write_text(PIP)
    (programs / "pip").chmod(0o755)
    shutil.copy(f"/{CERTIFICATES}", folder / CERTIFICATES)


@pytest.fixture(scope="module")
def buildah() -> Iterator[list[str]]:
    """buildah with its own storage, which has the built image."""
    with TemporaryDirectory(prefix="heidi-image-") as name:
        folder = Path(name)
        make_base(folder / "base")
        storage = ["--root", f"{folder}/storage", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]
        command = ["buildah", *storage]
        base = output([*command, "from", "scratch"])
        output([*command, "add", "--quiet", base, str(folder / "base"), "/"])
        output([*command, "commit", "--quiet", base, BASE])
        # Docker's format keeps the health check.
        output([*command, "bud", *BUILD, "--format", "docker", "--tag", "heidi:local", "."])
        yield command


@pytest.fixture(scope="module")
def image(buildah: list[str], settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    server = TcpPostgres(tmp_path_factory.mktemp("pg") / "data")
    server.start()
    variables = process_environment(settings.changed(database_url=server.url), REDIS_URL="redis://127.0.0.1:1/0")
    yield Image(buildah, {name: variables[name] for name in variables.keys() - os.environ.keys()})
    server.stop()


def test_it_contains_no_tools_and_runs_without_write_access(image: Image) -> None:
    find = "import importlib.util as u; print([n for n in ('pip', 'setuptools', 'wheel', 'pytest') if u.find_spec(n)])"
    assert image.run("python", "-c", find) == "[]"
    assert image.run("id", "--user") == "10001"
    assert image.run("find", "/app", "/venv", "-writable", "-not", "-type", "l") == ""


def test_its_size_is_the_published_one(image: Image) -> None:
    sizes = [int(line.split()[0]) for line in image.run("du", "-sm", "/venv", "/app").splitlines()]
    published = re.findall(r"\| (\d+) MB \|", (ROOT / "docs" / "image.md").read_text())
    assert sizes == [pytest.approx(int(size), rel=0.1, abs=2) for size in published]


def test_it_prepares_a_database_and_runs_a_service_and_a_background_process(image: Image) -> None:
    image.run("flask", "prepare")
    assert "the cities are current" in image.run("flask", "prepare")
    address = f"127.0.0.1:{free_port()}"

    def is_ready() -> bool:
        try:
            return requests.get(f"http://{address}/readyz", timeout=TIMEOUT_SECONDS).ok
        except requests.ConnectionError:
            return False

    with image.started(HEIDI_SERVICE="users", BIND=address), image.started("python", "-m", "workers.clock"):
        until(is_ready, 300)
        image.run(*image.config["Healthcheck"]["Test"][1:], BIND=address)
        until(lambda: subprocess.run(image.command("python", "-m", "workers.heartbeat", "clock")).returncode == 0, 300)
