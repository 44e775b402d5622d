"""The secrets of a standalone platform: created by its first start, recovered if their file is damaged."""

import base64
import json
import secrets
from pathlib import Path

from dotenv import dotenv_values

from heidi_standalone.errors import StartupError
from heidi_standalone.home.private_files import write_private
from heidi_standalone.home.stored_json import read_object
from heidi_standalone.progress import echo

ENCRYPTING = ("SECRET_KEY", "ENCRYPTION_KEYS")
"""If these are lost or changed, encrypted data cannot be read. The password of Valkey can change with every start."""


def load(path: Path, *, env_file: Path, database: Path) -> dict[str, str]:
    """Load the secrets. Create them if there is no database yet whose data they encrypt.

    Args:
        path: The file of the secrets.
        env_file: The settings of the previous start, which contain the secrets too.
        database: A file that exists once there is a database.

    Raises:
        StartupError: They are lost. The message says how to continue.
    """
    stored = read_object(path, *ENCRYPTING, "VALKEY_PASSWORD")
    if stored is None:
        stored = {"VALKEY_PASSWORD": secrets.token_hex(24)} | _recover(path, env_file, database)
        write_private(path, json.dumps(stored, indent=1))
    return stored


def _recover(path: Path, env_file: Path, database: Path) -> dict[str, str]:
    known = read_object(path) or (dotenv_values(env_file, interpolate=False) if env_file.exists() else {})
    kept = {name: value for name in ENCRYPTING if (value := known.get(name)) and "\0" not in value}
    if len(kept) == len(ENCRYPTING):
        echo(f"  {path} was missing or damaged and has been restored from {env_file}")
        return kept
    if database.exists():
        raise StartupError(
            f"{path} is missing or damaged. It contains the keys that encrypt data in the database. Restore it from a "
            f"backup. If there is none, move {path.parent} away to start with an empty platform."
        )
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "ENCRYPTION_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
    }
