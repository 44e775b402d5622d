"""A release contains what was tested, and needs no stored secret."""

from typing import Any

import yaml

from tests.standalone.manifests import COMPOSE, OWN_PROCESSES, ROOT

WORKFLOWS = ROOT / ".github" / "workflows"
RELEASE: dict[str, Any] = yaml.safe_load((WORKFLOWS / "release.yml").read_text())


def test_an_image_is_pushed_once_the_tests_have_passed() -> None:
    jobs = RELEASE["jobs"]
    assert jobs["image"]["needs"] == "test"
    tests = yaml.safe_load((ROOT / jobs["test"]["uses"]).read_text())
    # YAML 1.1 reads `on` as true.
    assert "workflow_call" in tests[True]
    assert {"run": ".ci/run"} in tests["jobs"]["test"]["steps"]


def test_a_release_uses_only_the_workflows_token_and_only_to_push() -> None:
    text = (WORKFLOWS / "release.yml").read_text()
    assert "secrets." not in text and "github.token" in text
    assert RELEASE["permissions"] == {"contents": "read"}
    assert RELEASE["jobs"]["image"]["permissions"] == {"contents": "read", "packages": "write"}


def test_compose_runs_one_image_which_can_come_from_a_registry() -> None:
    assert {COMPOSE[name]["image"] for name in (*OWN_PROCESSES, "migrate")} == {"${HEIDI_IMAGE:-heidi:local}"}
