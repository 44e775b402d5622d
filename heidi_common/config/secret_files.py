"""Secrets in files, as Docker and Kubernetes provide them: `<NAME>_FILE` is the path of a variable's value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PATH_VARIABLES = ("JWT_PRIVATE_KEYS", "JWT_PUBLIC_KEYS", "FCM_SERVICE_ACCOUNT")
"""Variables that accept a path themselves. Their value is the path, so that a rotated key file is read again."""


def value_of(env: Mapping[str, str], name: str) -> str:
    """The value of a variable, from the environment or from the file that `<name>_FILE` names.

    Args:
        env: The environment.
        name: The variable.

    Returns:
        The value without white space around it; empty if it is unset.

    Raises:
        ValueError: Both variables are set, or the file is unreadable, empty or not text.
    """
    value, variable = env.get(name, "").strip(), f"{name}_FILE"
    path = env[variable].strip() if variable in env else ""
    if not path:
        return value
    if value:
        raise ValueError(f"{name} and {variable} are both set: set one of them")
    text = _read(variable, path)
    return path if name in PATH_VARIABLES else text


def _read(variable: str, path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"{variable}: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{variable}: {path} is not text") from None
    if not text:
        raise ValueError(f"{variable}: {path} is empty")
    return text
