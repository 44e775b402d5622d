"""Docker and Kubernetes hand secrets over as files: `<NAME>_FILE` says where the value of a variable is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FILES_THEMSELVES = ("JWT_PRIVATE_KEYS", "JWT_PUBLIC_KEYS", "FCM_SERVICE_ACCOUNT")
"""These may be a path anyway, and keep it: a file of keys that is rotated is read again."""


def value_of(env: Mapping[str, str], name: str) -> str:
    """What the environment says, there or in a file; empty when it says nothing. ValueError tells what is wrong."""
    given, variable = env.get(name, "").strip(), f"{name}_FILE"
    path = env[variable].strip() if variable in env else ""
    if not path:
        return given
    if given:
        raise ValueError(f"{name} and {variable} are both set: give one of them")
    text = _read(variable, path)
    return path if name in FILES_THEMSELVES else text


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
