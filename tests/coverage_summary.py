"""Print the branch coverage of the last test run, for each package. It is published, not enforced.

Only code that runs in the test processes is measured; servers, workers and commands that tests start are not.
"""

from __future__ import annotations

import io

from coverage import Coverage

PACKAGES = (
    "heidi_common",
    "heidi_services",
    "heidi_standalone",
    "heidi_console",
    "heidi_realtime",
    "heidi_backup",
    "workers",
)


def main() -> None:
    coverage = Coverage()
    coverage.load()
    print("Branch coverage in the test processes:")
    for package in PACKAGES:
        percent = coverage.report(include=[f"{package}/*"], file=io.StringIO())
        print(f"  {package:<18}{percent:5.1f} %")


if __name__ == "__main__":
    main()
