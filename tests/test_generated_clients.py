"""The commands and programs of docs/clients.md: generated clients sign in, page, send, and handle errors."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from heidi_common.identity.models import Role
from heidi_common.identity.password_hashing import password_hasher
from heidi_services.integration.models import Delivery
from tests.conftest import SignedIn
from tests.integration.helpers import create_integration, deliver, forward, user_updated
from tests.npm_packages import node_modules
from tests.served_app import served
from tests.tool_venvs import OPENAPI_PYTHON_CLIENT, programs

DOCUMENT = (Path(__file__).parent.parent / "docs" / "clients.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT, re.M | re.S)
(PYTHON_COMMANDS, TYPESCRIPT_COMMANDS) = (text for kind, text in BLOCKS if kind == "sh")
(PYTHON_PROGRAM, WEBHOOK_PROGRAM) = (text for kind, text in BLOCKS if kind == "python")
(TYPESCRIPT_PROGRAM,) = (text for kind, text in BLOCKS if kind == "ts")
VERSIONS = {"openapi-typescript": "7.13.0", "openapi-fetch": "0.17.0", "typescript": "5.9.3"}
PASSWORD = "a long password for clients"
MAIN = """import { sendToMyself } from "./use.js";
const { HEIDI_URL, EMAIL, PASSWORD } = process.env;
console.log(JSON.stringify(await sendToMyself(HEIDI_URL, EMAIL, PASSWORD)));
sendToMyself(HEIDI_URL, EMAIL, "wrong").catch((error) => console.log(error.message));
"""
pytestmark = pytest.mark.slow


@pytest.fixture
def platform_url(app: Flask) -> Iterator[str]:
    with served(app) as url:
        yield url


@pytest.fixture
def environment(platform_url: str, as_user: Callable[..., SignedIn]) -> dict[str, str]:
    """The environment of the programs: an administrator's address and password."""
    email = as_user(Role.ADMIN, password_hash=password_hasher().hash(PASSWORD)).user.email
    return os.environ | {"HEIDI_URL": platform_url, "EMAIL": email, "PASSWORD": PASSWORD}


def run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


def command_of(text: str, program: str, platform_url: str) -> list[str]:
    """The command of the document that begins with a program, for this platform."""
    (line,) = (line for line in text.splitlines() if line.startswith(program))
    assert "http://localhost:8080" in line
    return line.replace("http://localhost:8080", platform_url).split()


def test_the_python_client(platform_url: str, environment: dict[str, str], tmp_path: Path) -> None:
    folder = programs(*OPENAPI_PYTHON_CLIENT)
    generate = command_of(PYTHON_COMMANDS, "openapi-python-client", platform_url)
    run([str(folder / generate[0]), *generate[1:]], tmp_path, environment)
    (tmp_path / "use.py").write_text(PYTHON_PROGRAM)
    lines = run([str(folder / "python"), "use.py"], tmp_path, environment).splitlines()
    assert lines == [*(f"PENDING Message {number}" for number in (2, 1, 0)), "422 validation_failed ['/content']"]
    wrong = subprocess.run(
        [str(folder / "python"), "use.py"],
        cwd=tmp_path,
        env=environment | {"PASSWORD": "wrong"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert wrong.returncode == 1 and wrong.stderr.startswith("invalid_credentials: ")


def test_the_typescript_client(platform_url: str, environment: dict[str, str], tmp_path: Path) -> None:
    assert all(name in TYPESCRIPT_COMMANDS for name in VERSIONS)
    modules = node_modules(Path(__file__).parent, VERSIONS)
    (tmp_path / "node_modules").symlink_to(modules)
    generate = command_of(TYPESCRIPT_COMMANDS, "npx", platform_url)
    run([str(modules / ".bin" / generate[1]), *generate[2:]], tmp_path, environment)
    (tmp_path / "use.ts").write_text(TYPESCRIPT_PROGRAM)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "main.js").write_text(MAIN)
    options = ["--strict", "--target", "es2022", "--module", "nodenext"]
    run([str(modules / ".bin" / "tsc"), *options, "use.ts"], tmp_path, environment)
    lines = run(["node", "main.js"], tmp_path, environment).splitlines()
    assert lines[0] == '["From TypeScript"]'
    assert lines[1].startswith("invalid_credentials: ")


def test_a_program_verifies_webhooks(
    client: FlaskClient, httpserver: HTTPServer, as_user: Callable[..., SignedIn]
) -> None:
    program: dict[str, Any] = {}
    exec(WEBHOOK_PROGRAM, program)
    received: list[tuple[bytes, dict[str, str]]] = []

    def receive(request: Request) -> Response:
        received.append((request.get_data(), {name.lower(): value for name, value in request.headers.items()}))
        return Response(status=204)

    httpserver.expect_request("/hook").respond_with_handler(receive)
    user = as_user()
    fields = {"webhookUrl": httpserver.url_for("/hook"), "config": {"eventTypes": ["*"]}}
    hook = create_integration(client, user.headers, **fields)
    (delivery,) = forward(user_updated(user.user.id))
    assert isinstance(deliver(delivery), Delivery)
    ((body, headers),) = received
    assert program["verified"](hook["signingSecret"], body, headers)["type"] == "user.updated"
    assert program["verified"](hook["signingSecret"], body + b" ", headers) is None
