"""HEIDI_HOME: the folder that contains all data of a standalone platform."""

import base64
import fcntl
import json
import secrets
from pathlib import Path
from typing import IO

from heidi_standalone.errors import StartupError
from heidi_standalone.private_files import write_private


class Home:
    """Folders, secrets and keys. They are created by the first start and reused by later ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.postgres = self.folder / "postgres"
        self.valkey = self.folder / "valkey"
        self.nginx = self.folder / "nginx"
        self.mail = self.folder / "mail"
        self.files = self.folder / "files"
        self.logs = self.folder / "logs"
        self.run = self.folder / "run"
        self.metrics = self.run / "metrics"
        self.private_keys = self.folder / "keys" / "private.json"
        self.public_keys = self.folder / "keys" / "public.json"
        self.admin = self.folder / "admin.txt"
        self.client = self.folder / "core-client.json"
        self.env = self.folder / "env"
        self._lock: IO[str] | None = None

    def prepare(self) -> None:
        """Create the folders and lock them.

        Raises:
            StartupError: Another platform uses them.
        """
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._lock_folder()
        for folder in (self.logs, self.run, self.private_keys.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        if not self.private_keys.exists():
            self._create_keys()

    def close(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.close()

    def secrets(self) -> dict[str, str]:
        """Load the secrets; create them the first time. If they are lost or changed, encrypted data cannot be read."""
        path = self.folder / "secrets.json"
        if not path.exists():
            created = {
                "SECRET_KEY": secrets.token_urlsafe(48),
                "ENCRYPTION_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
                "VALKEY_PASSWORD": secrets.token_hex(24),
            }
            write_private(path, json.dumps(created, indent=1))
        secrets_by_name: dict[str, str] = json.loads(path.read_text())
        return secrets_by_name

    def core_client(self) -> dict[str, str]:
        """Load the credentials of core's machine client, as variables; empty before the first start."""
        if not self.client.exists():
            return {}
        credentials: dict[str, str] = json.loads(self.client.read_text())
        return credentials

    def _create_keys(self) -> None:
        """Write the public key first: the private one marks that both exist."""
        from heidi_common.jwt import (
            keys,  # imported here because it loads cryptography, and only the first start needs it
        )

        key_set = [keys.generate_key()]
        self.public_keys.write_text(json.dumps(keys.public_set(key_set), indent=1))
        write_private(self.private_keys, json.dumps({"keys": key_set}, indent=1))

    def _lock_folder(self) -> None:
        """Take a lock that the kernel releases when this process ends, however it ends."""
        self._lock = (self.folder / "lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise StartupError(
                f"Heidi is already running in {self.folder}. Stop it, or set HEIDI_HOME to another folder."
            ) from None
