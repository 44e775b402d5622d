"""`make audit`: look for known vulnerabilities of the pinned packages with pip-audit, in the data of OSV.

It fails if there are any. If the service cannot be reached, nothing is checked, and the reason is printed.
"""

from __future__ import annotations

import os
import subprocess  # nosec B404  # runs pip-audit
import sys
from pathlib import Path

import requests

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
OSV_URL = "https://api.osv.dev/v1/query"
PROBE = {"package": {"ecosystem": "PyPI", "name": "pip"}, "version": "0.0"}
PROBE_SECONDS = 5


def unreachable(url: str) -> str | None:
    """Why the service cannot be used; None if it responds to a query.

    Args:
        url: The query API of OSV.
    """
    try:
        requests.post(url, json=PROBE, timeout=PROBE_SECONDS).raise_for_status()
    except requests.RequestException as error:
        return str(error)
    return None


def main(requirements: Path, url: str) -> int:
    """Check the packages.

    Args:
        requirements: Pinned packages, one on each line.
        url: The query API of OSV.

    Returns:
        0 if there are no known vulnerabilities or the service is unreachable; otherwise pip-audit's exit code.
    """
    if reason := unreachable(url):
        sys.stdout.write(
            f"Skipped: the packages were not checked for vulnerabilities, since OSV is unreachable: {reason}\n"
        )
        return 0
    service = ["--vulnerability-service", "osv", "--osv-url", url]
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(requirements), "--no-deps", "--disable-pip"]
    return subprocess.run([*command, *service, "--progress-spinner", "off"], check=False).returncode  # nosec B603


if __name__ == "__main__":
    sys.exit(main(CONSTRAINTS, os.environ.get("OSV_URL", OSV_URL)))
