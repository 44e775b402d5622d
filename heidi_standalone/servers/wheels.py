"""Where the wheels that carry a server keep it."""

from importlib.util import find_spec
from pathlib import Path


def folder_of(package: str) -> Path:
    """Found without importing it: these packages import clients and make lock files, all we want is the program."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"The package {package} is not installed; `make run` installs it")
    return Path(spec.submodule_search_locations[0])
