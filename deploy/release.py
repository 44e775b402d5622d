"""`make release`: build the archive of a release. The same commit gives the same bytes, on every machine."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import subprocess  # nosec B404  # runs git
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"


def version(root: Path) -> str:
    """The version in setup.py.

    Args:
        root: The checkout.
    """
    (found,) = re.findall(r'^    version="([^"]+)"', (root / "setup.py").read_text(), re.MULTILINE)
    return str(found)


def build_archive(root: Path, folder: Path) -> Path:
    """Build the archive of the last commit.

    Modes and times come from git, and the compressed file has neither a name nor a time.

    Args:
        root: The checkout. Changes that are not committed are left out.
        folder: Where to write it.

    Returns:
        `heidi-VERSION.tar.gz`.
    """
    name = f"heidi-{version(root)}"
    command = ["git", "-c", "tar.umask=0022", "-C", str(root), "archive", "--format=tar", f"--prefix={name}/", "HEAD"]
    tar = subprocess.run(command, capture_output=True, check=True).stdout  # nosec B603
    path = folder / f"{name}.tar.gz"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(tar, mtime=0))
    return path


def commit_time(root: Path) -> str:
    """When the last commit was made, in seconds since 1970.

    Args:
        root: The checkout.
    """
    command = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # nosec B603


def write_sums(folder: Path) -> Path:
    """Write `SHA256SUMS` of all other files of a folder, for `sha256sum --check`; this file is what is signed.

    Args:
        folder: The folder of the release.

    Returns:
        The file.
    """
    sums = folder / "SHA256SUMS"
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith(sums.name))
    sums.write_text("".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths))
    return sums


def main(root: Path, folder: Path) -> None:
    """Build everything that a release consists of.

    Args:
        root: The checkout.
        folder: Where to write it.
    """
    archive = build_archive(root, folder)
    sbom = [sys.executable, str(root / "deploy" / "sbom.py"), str(folder)]
    subprocess.run(sbom, env=os.environ | {"SOURCE_DATE_EPOCH": commit_time(root)}, check=True)  # nosec B603
    sys.stdout.write(f"{archive}\n{write_sums(folder).read_text()}")


if __name__ == "__main__":
    main(ROOT, DIST)
