"""Schemathesis generates requests from the OpenAPI document of each service and sends them to a real server."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from heidi_common.identity.models import Role
from heidi_common.jwt.guards import public
from heidi_services import SERVICES
from tests.conftest import SignedIn
from tests.served_app import served
from tests.tool_venvs import SCHEMATHESIS, programs

CHECKS = (
    "not_a_server_error",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)
# A stream is endless, and signing out would end the session of the other requests.
EXCLUDED = "/stream$|^/api/v1/auth/logout"
SECONDS = 900


@pytest.fixture(scope="session")
def schemathesis() -> str:
    """The path of its program."""
    return str(programs(*SCHEMATHESIS) / "schemathesis")


@pytest.fixture
def base_url(app: Flask) -> Iterator[str]:
    with served(app) as url:
        yield url


def fuzz(program: str, document: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [program, "run", document, "--checks", ",".join(CHECKS), "--max-examples", "15", "--seed", "20270328"]
    command += ["--phases", "examples,coverage,fuzzing", "--workers", "1", "--request-timeout", "60", "--no-color"]
    command += ["--suppress-health-check", "all", "--warnings", "off", "--generation-database", "none"]
    command += ["--exclude-path-regex", EXCLUDED]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": str(Path(__file__).with_name("schemathesis_hooks.py"))}
    return subprocess.run(
        [*command, *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES)
def test_no_input_causes_a_server_error(
    service: str, base_url: str, schemathesis: str, as_user: Callable[..., SignedIn], tmp_path: Path
) -> None:
    token = as_user(Role.ADMIN).headers["Authorization"]
    document = f"{base_url}/docs/{service}/openapi.json"
    result = fuzz(schemathesis, document, tmp_path, "--header", f"Authorization: {token}")
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]


@pytest.mark.slow
def test_a_server_error_is_reported(schemathesis: str, tmp_path: Path) -> None:
    app = Flask("example", static_folder=None)
    operation = {"responses": {"200": {"description": "fine"}}, "parameters": []}
    operation["parameters"] = [{"name": "n", "in": "query", "schema": {"type": "integer"}}]  # type: ignore[assignment]
    document = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {"/divide": {"get": operation}}}
    app.add_url_rule("/openapi.json", view_func=public(lambda: document), endpoint="document")
    app.add_url_rule("/divide", view_func=lambda: ("broken", 500), endpoint="divide")
    with served(app) as url:
        result = fuzz(schemathesis, f"{url}/openapi.json", tmp_path)
        assert result.returncode != 0
        assert "Server error" in result.stdout
