"""A release is what was tested, and needs no secret that somebody would have to keep."""

from typing import Any

import yaml

from tests.standalone.manifests import COMPOSE, OURS, ROOT

WORKFLOWS = ROOT / ".github" / "workflows"
RELEASE: dict[str, Any] = yaml.safe_load((WORKFLOWS / "release.yml").read_text())


def test_an_image_is_pushed_once_the_tests_have_passed() -> None:
    jobs = RELEASE["jobs"]
    assert jobs["image"]["needs"] == "test"
    tests = yaml.safe_load((ROOT / jobs["test"]["uses"]).read_text())
    # YAML 1.1 reads `on` as true.
    assert "workflow_call" in tests[True]
    assert {"run": ".ci/run"} in tests["jobs"]["test"]["steps"]


def test_a_release_uses_the_workflows_own_token_alone_and_only_where_it_pushes() -> None:
    text = (WORKFLOWS / "release.yml").read_text()
    assert "secrets." not in text and "github.token" in text
    assert RELEASE["permissions"] == {"contents": "read"}
    assert RELEASE["jobs"]["image"]["permissions"] == {"contents": "read", "packages": "write"}


def test_compose_runs_one_image_which_may_come_from_elsewhere() -> None:
    assert {COMPOSE[name]["image"] for name in (*OURS, "migrate")} == {"${HEIDI_IMAGE:-heidi:local}"}
