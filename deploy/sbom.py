"""`make sbom`: write a bill of materials (CycloneDX 1.6) and a report of the licenses of all packages that run.

It lists what the distribution requires, with the extras of `make run`, Kafka and tracing, but no tools of tests.
"""

from __future__ import annotations

import json
import os
import subprocess  # nosec B404  # runs pip-licenses
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PRODUCT = "heidi-services"
EXTRAS = ("standalone", "kafka", "otel")
READ_IN_THE_FILE = {"dkimpy": "Zlib", "pyrage": "MIT"}
"""The licenses of packages whose metadata do not name one, as their license files say."""


def required(name: str, extras: Iterable[str] = ()) -> dict[str, tuple[Distribution, set[str]]]:
    """Find all packages that a package requires on this machine, directly or not.

    Args:
        name: The package, which must be installed.
        extras: Its extras.

    Returns:
        Name -> its distribution, and the names of what it requires itself; the package itself included. A package that
        is not installed, of an extra that was not chosen, is left out.
    """
    collected: dict[str, tuple[Distribution, set[str]]] = {}
    waiting = [(canonicalize_name(name), frozenset(extras))]
    visited = set(waiting)
    while waiting:
        current, chosen = waiting.pop()
        try:
            item = distribution(current)
        except PackageNotFoundError:
            continue
        names = collected.setdefault(current, (item, set()))[1]
        for requirement in _applicable(item, chosen):
            needed = (canonicalize_name(requirement.name), frozenset(requirement.extras))
            names.add(needed[0])
            if needed not in visited:
                visited.add(needed)
                waiting.append(needed)
    return collected


def _applicable(item: Distribution, extras: Iterable[str]) -> list[Requirement]:
    requirements = [Requirement(text) for text in item.requires or ()]
    environments = [{"extra": extra} for extra in ("", *extras)]
    return [each for each in requirements if not each.marker or any(map(each.marker.evaluate, environments))]


def licenses(names: Iterable[str]) -> dict[str, str]:
    """Read the licenses of installed packages with pip-licenses.

    Args:
        names: The packages.

    Returns:
        Name -> license, as the package declares it.
    """
    command = [sys.executable, "-m", "piplicenses", "--from=mixed", "--format=json", "--packages", *sorted(names)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)  # nosec B603
    return {canonicalize_name(item["Name"]): item["License"] for item in json.loads(result.stdout)} | READ_IN_THE_FILE


def bill(packages: Mapping[str, tuple[Distribution, set[str]]], licensed: Mapping[str, str]) -> str:
    """Write the bill of materials. The same packages give the same text, at the time in SOURCE_DATE_EPOCH.

    Args:
        packages: Those of `required`.
        licensed: Those of `licenses`.

    Returns:
        JSON.
    """
    components = {name: _component(name, item, licensed) for name, (item, _) in packages.items()}
    product = components.pop(PRODUCT)
    product.type = ComponentType.APPLICATION
    identity = "\n".join(sorted(str(each.purl) for each in (product, *components.values())))
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, identity),
        metadata=BomMetaData(component=product, timestamp=_time()),
        components=components.values(),
    )
    for name, (_, names) in packages.items():
        bom.register_dependency(
            product if name == PRODUCT else components[name], [components[each] for each in names if each in components]
        )
    return str(JsonV1Dot6(bom).output_as_string(indent=1)) + "\n"


def _component(name: str, item: Distribution, licensed: Mapping[str, str]) -> Component:
    text = licensed.get(name, "UNKNOWN")
    purl = PackageURL("pypi", name=name, version=item.version)
    return Component(
        type=ComponentType.LIBRARY,
        name=item.metadata["Name"],
        version=item.version,
        purl=purl,
        bom_ref=str(purl),
        licenses=[LicenseFactory().make_from_string(text)] if text != "UNKNOWN" else [],
    )


def _time() -> datetime:
    return datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)


def report(packages: Mapping[str, tuple[Distribution, set[str]]], licensed: Mapping[str, str]) -> str:
    """Write the report of licenses: a table in Markdown, by license.

    Args:
        packages: Those of `required`.
        licensed: Those of `licenses`.
    """
    rows = sorted((licensed.get(name, "UNKNOWN"), name, item.version) for name, (item, _) in packages.items())
    lines = [f"| {name} | {version} | {license_} |" for license_, name, version in rows if name != PRODUCT]
    return "\n".join(
        ["# Licenses of the packages that run", "", "| package | version | license |", "|---|---|---|", *lines, ""]
    )


def main(folder: Path) -> None:
    """Write `sbom.json` and `licenses.md`.

    Args:
        folder: Where.
    """
    packages = required(PRODUCT, EXTRAS)
    licensed = licenses(packages)
    (folder / "sbom.json").write_text(bill(packages, licensed))
    (folder / "licenses.md").write_text(report(packages, licensed))
    sys.stdout.write(f"{folder / 'sbom.json'} and {folder / 'licenses.md'} list {len(packages) - 1} packages\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
