"""JSON files of HEIDI_HOME. After a power failure a file can be empty or contain zeros."""

import json
from pathlib import Path
from typing import Any


def read_object(path: Path, *members: str) -> dict[str, Any] | None:
    """Read a JSON object.

    Args:
        path: The file.
        members: Names that must have a value that is not empty.

    Returns:
        The object; None if the file is missing, damaged or incomplete.
    """
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not all(content.get(name) for name in members):
        return None
    return content
