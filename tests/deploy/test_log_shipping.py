"""Vector's configuration: its program is compiled and run by Vector's own compiler."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from vrl_python import VRLRuntime

from tests.deploy.manifests import ROOT

CONFIGURATION: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "logs" / "vector.yaml").read_text())
PROGRAM: str = CONFIGURATION["transforms"]["lines"]["source"]
NGINX = (
    "2026/11/28 14:00:00 [error] 12#12: *1 connect() failed (111: Connection refused) while connecting to upstream,"
    ' client: 192.0.2.1, server: _, request: "GET / HTTP/1.1", upstream: "http://192.0.2.2:3001/", host: "x"'
)
AT = "2026-11-28T14:00:01Z"


def event_of(line: str, process: str) -> dict[str, Any]:
    """What the program makes of a line of a container, as the source `docker_logs` passes it on."""
    event = {"message": line, "timestamp": AT, "label": {"com.docker.compose.service": process}, "stream": "stderr"}
    result: dict[str, Any] = VRLRuntime().execute(PROGRAM, event).processed_event
    return result


def test_a_line_of_json_becomes_an_event_with_its_own_fields() -> None:
    line = {
        "level": "INFO",
        "logger": "heidi.access",
        "service": "auth",
        "message": "request",
        "status": 200,
        "time": AT,
    }
    assert event_of(json.dumps(line), "auth") == line | {"process": "auth"}


@pytest.mark.parametrize(
    ("line", "level"),
    [
        (NGINX, "ERROR"),
        (NGINX.replace("[error]", "[warn]"), "WARNING"),
        ("2026-11-28 14:00:00.000 UTC [33] FATAL:  the database system is starting up", "ERROR"),
        ("2026-11-28 14:00:00.000 UTC [33] LOG:  checkpoint starting: time", "INFO"),
        ('["not", "an", "object"]', "INFO"),
        ("", "INFO"),
    ],
)
def test_a_line_of_text_is_kept_with_a_level(line: str, level: str) -> None:
    assert event_of(line, "postgres") == {"level": level, "message": line, "time": AT, "process": "postgres"}


def test_an_error_in_the_program_is_noticed() -> None:
    with pytest.raises(ValueError, match="syntax error"):
        VRLRuntime().compile(PROGRAM.replace("parse_json(text)", "parse_json(text"))


def test_every_part_gets_its_events_from_another_one() -> None:
    outputs = {*CONFIGURATION["sources"], *CONFIGURATION["transforms"]}
    outputs |= {f"kinds.{name}" for name in (*CONFIGURATION["transforms"]["kinds"]["route"], "_unmatched")}
    parts = CONFIGURATION["transforms"] | CONFIGURATION["sinks"]
    assert {name for part in parts.values() for name in part["inputs"]} <= outputs
    assert CONFIGURATION["sinks"]["audit"]["inputs"] == ["kinds.audit"]


def test_the_audit_trail_goes_its_own_way() -> None:
    condition = CONFIGURATION["transforms"]["kinds"]["route"]["audit"]
    for logger, is_audit in (("heidi.audit", True), ("heidi.access", False)):
        assert VRLRuntime().execute(condition, {"logger": logger}).runtime_result is is_audit


def test_every_variable_is_set_by_compose() -> None:
    text = (ROOT / "deploy" / "logs" / "vector.yaml").read_text()
    service = yaml.safe_load((ROOT / "docker-compose.logs.yml").read_text())["services"]["vector"]
    assert set(re.findall(r"\$\{(\w+)", text)) == service["environment"].keys()
