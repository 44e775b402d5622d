"""`make sbom`: print the installed packages as a CycloneDX 1.5 bill of materials."""

import json
import sys
from importlib.metadata import Distribution, distributions


def component(distribution: Distribution) -> dict[str, object]:
    """Describe an installed package."""
    metadata = distribution.metadata
    name, version = metadata["Name"], distribution.version
    licence = metadata.get("License-Expression") or metadata.get("License") or ""
    licenses = {"licenses": [{"license": {"name": licence.splitlines()[0]}}]} if licence.strip() else {}
    return {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name.lower().replace('_', '-')}@{version}",
        **licenses,
    }


def bill() -> dict[str, object]:
    """Describe all installed packages, in the order of their names."""
    components = {item.metadata["Name"].lower(): component(item) for item in distributions()}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "heidi"}},
        "components": [components[name] for name in sorted(components)],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(bill(), indent=1) + "\n")
