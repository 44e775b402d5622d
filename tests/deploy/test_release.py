"""A release contains what was tested, and needs no stored secret."""

import os
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import COMPOSE, KUBERNETES, OWN_PROCESSES, ROOT
from tests.deploy.overlays import KUBECTL as KUBECTL_PROGRAM

WORKFLOWS = ROOT / ".github" / "workflows"
RELEASE: dict[str, Any] = yaml.safe_load((WORKFLOWS / "release.yml").read_text())


def test_an_image_is_pushed_once_the_tests_have_passed() -> None:
    jobs = RELEASE["jobs"]
    assert jobs["image"]["needs"] == "test"
    tests = yaml.safe_load((ROOT / jobs["test"]["uses"]).read_text())
    # YAML 1.1 reads `on` as true.
    assert "workflow_call" in tests[True]
    assert {"run": ".ci/run"} in tests["jobs"]["test"]["steps"]
    assert {"run": "make ops-test"} in tests["jobs"]["operations"]["steps"]


@pytest.mark.parametrize(
    ("target", "job", "some", "in_the_runner"),
    [
        ("test", "test", {"rabbitmq-server", "prometheus", "faketime"}, {"chromium"}),
        # The job `image` builds the image with Docker.
        ("ops-test", "operations", {"prometheus", "pgbouncer"}, {"buildah", "debootstrap"}),
    ],
)
def test_the_tests_of_a_release_have_the_packages_that_make_installs_as_root(
    target: str, job: str, some: set[str], in_the_runner: set[str]
) -> None:
    recipe = (ROOT / "Makefile").read_text().partition(f"\n{target}:")[2].partition("\n\n")[0]
    packages = {name for names in re.findall(r"call apt,[^,]*,([^,]*),", recipe) for name in names.split()}
    steps = yaml.safe_load((WORKFLOWS / "ci.yml").read_text())["jobs"][job]["steps"]
    installed = {word for step in steps for word in step.get("run", "").split()}
    assert some <= packages
    assert packages - in_the_runner - installed == set()


def test_a_release_uses_only_the_workflows_token_and_only_to_push() -> None:
    text = (WORKFLOWS / "release.yml").read_text()
    assert "secrets." not in text and "github.token" in text
    assert RELEASE["permissions"] == {"contents": "read"}
    assert RELEASE["jobs"]["image"]["permissions"] == {"contents": "read", "packages": "write"}


def test_compose_runs_one_image_which_can_come_from_a_registry() -> None:
    assert {COMPOSE[name]["image"] for name in (*OWN_PROCESSES, "migrate")} == {"${HEIDI_IMAGE:-heidi:local}"}


def test_a_release_is_rolled_out_after_the_push_if_the_environment_names_a_cluster() -> None:
    rollout = yaml.safe_load((WORKFLOWS / "rollout.yml").read_text())
    job = RELEASE["jobs"]["rollout"]
    assert (job["needs"], job["uses"], job["secrets"]) == ("image", "./.github/workflows/rollout.yml", "inherit")
    assert rollout[True].keys() == {"workflow_call", "workflow_dispatch"}
    assert rollout["permissions"] == {"contents": "read"}
    assert rollout["jobs"]["rollout"]["environment"] == "production"


KUBECTL = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in
    *kustomize*) "$REAL_KUBECTL" "$@" ;;
    *"get deployments"*) echo deployment/auth ;;
    *"get job migrate"*) test ! -e "$CALLS.polled" && touch "$CALLS.polled" || printf "$CONDITIONS" ;;
    *"get pods"*) printf "$WAITING" ;;
    *logs*) echo "relation users is locked" ;;
    apply*|*" apply "*) cat >> "$CALLS" ;;
esac
"""
"""Records its calls and input, renders the overlays, and prints the state of the job: first none."""


def run_step(tmp_path: Path, **env: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run the last step of the workflow with a kubectl that records its calls."""
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    (tmp_path / "calls").touch()
    step = yaml.safe_load((WORKFLOWS / "rollout.yml").read_text())["jobs"]["rollout"]["steps"][-1]
    given = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CALLS": str(tmp_path / "calls"), "RUNNER_TEMP": str(tmp_path)}
    given |= {
        "REAL_KUBECTL": KUBECTL_PROGRAM,
        "GITHUB_REPOSITORY": "Example/Heidi",
        "CONDITIONS": "Complete ",
        "WAITING": "",
        "POLL_SECONDS": "0",
    } | env
    command = ["bash", "-eo", "pipefail", "-c", step["run"]]
    run = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False)
    return run, (tmp_path / "calls").read_text()


@pytest.mark.parametrize(
    ("version", "image"),
    [("v1.2.3", "heidi:1.2.3"), ("v10.0.0-rc.1", "heidi:10.0.0-rc.1"), ("1.2.3", "heidi:1.2.3")],
)
def test_a_rollout_migrates_first_and_uses_the_released_image(tmp_path: Path, version: str, image: str) -> None:
    run, calls = run_step(tmp_path, KUBECONFIG_TEXT="clusters: []", VERSION=version)
    assert run.returncode == 0, run.stderr
    images = Counter(re.findall(r"^ *image: (.*)$", calls, re.M))
    backup = image.replace("heidi:", "heidi-backup:")
    # Everything is in the input of both calls of `apply`, of which the first one selects what is needed first.
    assert images == {
        f"ghcr.io/example/{image}": 2 * len([*OWN_PROCESSES, "migrate"]),
        f"ghcr.io/example/{backup}": 2 * len(["backup", "verify-backup", "restore"]),
        "nginx:1.28-alpine": 2,
    }
    assert calls.rindex("get job migrate") < calls.rindex("apply --filename -") < calls.index("rollout status")
    assert not (tmp_path / "kubeconfig").exists()


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"CONDITIONS": "FailureTarget Failed "}, "it ended with an error"),
        ({"CONDITIONS": "FailureTarget "}, "it ended with an error"),
        ({"CONDITIONS": "", "WAITING": "ImagePullBackOff"}, "ImagePullBackOff"),
        ({"CONDITIONS": "", "WAITING": "CreateContainerConfigError"}, "CreateContainerConfigError"),
        ({"CONDITIONS": "", "MIGRATION_SECONDS": "0"}, "it has not ended in time"),
    ],
)
def test_after_a_failed_migration_the_log_is_shown_and_nothing_is_applied(
    tmp_path: Path, state: dict[str, str], reason: str
) -> None:
    run, calls = run_step(tmp_path, KUBECONFIG_TEXT="clusters: []", VERSION="v1.2.3", **state)
    assert run.returncode == 1
    assert reason in run.stderr and "relation users is locked" in run.stderr
    assert "previous version keeps serving" in run.stderr
    assert "apply --filename" not in calls and "rollout status" not in calls


def test_the_pod_of_a_failed_migration_keeps_its_log() -> None:
    (job,) = (item["spec"] for item in KUBERNETES if item["kind"] == "Job")
    assert (job["backoffLimit"], job["template"]["spec"]["restartPolicy"]) == (0, "Never")


def test_without_a_cluster_nothing_is_rolled_out(tmp_path: Path) -> None:
    run, calls = run_step(tmp_path, KUBECONFIG_TEXT="", VERSION="v1.2.3")
    assert (run.returncode, calls, "nothing is rolled out" in run.stdout) == (0, "", True)


@pytest.mark.parametrize("version", ["v1;id", "v1 2", "v$(id)", "v1|2"])
def test_a_version_that_cannot_be_one_is_refused(tmp_path: Path, version: str) -> None:
    run, calls = run_step(tmp_path, KUBECONFIG_TEXT="clusters: []", VERSION=version)
    assert (run.returncode, "not the name of an image" in run.stderr, "apply" in calls) == (1, True, False)


def test_the_gui_of_the_database_is_pinned_and_only_for_development_on_this_machine() -> None:
    gui = COMPOSE["adminer"]
    assert gui["profiles"] == ["development"]
    assert [port.startswith("127.0.0.1:") for port in gui["ports"]] == [True]
    assert gui["environment"] == {"ADMINER_DEFAULT_SERVER": "postgres"}, "it stores no password"
