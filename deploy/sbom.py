"""What is installed, as a CycloneDX 1.5 bill of materials on standard output: ``make sbom``."""

import json
import sys
from importlib.metadata import Distribution, distributions


def component(found: Distribution) -> dict[str, object]:
    name, version = found.metadata["Name"], found.version
    licence = found.metadata.get("License-Expression") or found.metadata.get("License") or ""
    short = {"licenses": [{"license": {"name": licence.splitlines()[0]}}]} if licence.strip() else {}
    return {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name.lower().replace('_', '-')}@{version}",
        **short,
    }


def bill() -> dict[str, object]:
    found = {distribution.metadata["Name"].lower(): component(distribution) for distribution in distributions()}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "heidi"}},
        "components": [found[name] for name in sorted(found)],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(bill(), indent=1) + "\n")
