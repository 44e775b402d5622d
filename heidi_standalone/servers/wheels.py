"""Folders of the wheels that contain a server."""

from importlib.util import find_spec
from pathlib import Path


def package_folder(package: str) -> Path:
    """Find the folder of a package without importing it: the import would load clients and create lock files."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"The package {package} is not installed. `make run` installs it.")
    return Path(spec.submodule_search_locations[0])
