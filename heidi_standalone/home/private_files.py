"""Files that contain secrets."""

from pathlib import Path

from heidi_common.server.durable_files import write_durably


def write_private(path: Path, text: str) -> None:
    """Write a file atomically. It is never readable by other users, not even while it is being written."""
    write_durably(path, text, mode=0o600)
