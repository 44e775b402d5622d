"""Files that are complete after a power failure."""

import os
from pathlib import Path


def write_durably(path: Path, text: str, *, mode: int) -> None:
    """Write a file atomically, so that after a power failure it has either the old content or the new one.

    A rename alone does not ensure that: file systems may write the new name before the content, which leaves an empty
    file. A file that has the content already is left alone, so that a start needs no space for it.

    Args:
        path: The file.
        text: Its content.
        mode: Its permissions.
    """
    if _has_content(path, text, mode):
        return
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    replace_durably(unfinished, path)


def replace_durably(unfinished: Path, path: Path) -> None:
    """Rename a file whose content is on the disk, and write the folder to the disk."""
    unfinished.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk. Their renames are lost by a power failure otherwise."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _has_content(path: Path, text: str, mode: int) -> bool:
    try:
        return path.stat().st_mode & 0o777 == mode and path.read_bytes() == text.encode()
    except OSError:
        return False
