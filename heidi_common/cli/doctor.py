"""`flask doctor`: whether each dependency can be used, its version, its response time, and what to do if it fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import click

from heidi_common.cli.doctor_checks import Check, all_checks
from heidi_common.config.sections.processes import environment
from heidi_common.config.settings import ConfigError, Settings

MAX_RESULT_LENGTH = 200


@dataclass(frozen=True)
class Finding:
    """The result of one check: the version or state of the dependency, or the error."""

    check: Check
    result: str
    ok: bool
    milliseconds: float


def examine(settings: Settings) -> Iterator[Finding]:
    """Run all checks, one after the other."""
    for check in all_checks(settings):
        started = time.perf_counter()
        try:
            result, ok = check.run(settings), True
        except Exception as error:  # every error is a finding
            result, ok = _one_line(error), False
        yield Finding(check, result, ok, (time.perf_counter() - started) * 1000)


def report() -> int:
    """Print the findings.

    Returns:
        The exit code: 1 if a required dependency cannot be used or the settings are invalid, otherwise 0.
    """
    try:
        settings = Settings.from_env(environment())
    except ConfigError as error:
        click.echo(error, err=True)
        return 1
    failed = False
    for finding in examine(settings):
        failed = failed or (not finding.ok and finding.check.required)
        _print(finding)
    return int(failed)


def _print(finding: Finding) -> None:
    mark = "ok  " if finding.ok else "FAIL" if finding.check.required else "warn"
    click.echo(f"{mark}  {finding.check.name:20} {finding.milliseconds:7.1f} ms  {finding.result}")
    if not finding.ok:
        click.echo(f"{'':40}-> {finding.check.remedy}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:MAX_RESULT_LENGTH] or type(error).__name__
