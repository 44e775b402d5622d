"""HEIDI_HOME: the folder that contains all data of a standalone platform."""

import fcntl
from pathlib import Path
from typing import IO

from heidi_standalone.errors import StartupError
from heidi_standalone.home import scratch, stored_keys, stored_secrets
from heidi_standalone.home.stored_json import read_object


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
        self.scratch = scratch.scratch_folder(self.folder)
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
        scratch.prepare(self.scratch)
        stored_keys.ensure(self.private_keys, self.public_keys)

    def close(self) -> None:
        """Delete what need not outlive the platform, and release the lock."""
        if self._lock is not None:
            scratch.remove(self.scratch)
            self._lock.close()
            self._lock = None

    def secrets(self) -> dict[str, str]:
        """Load the secrets; create them the first time.

        Raises:
            StartupError: They are lost, and data is encrypted with them.
        """
        database = self.postgres / "PG_VERSION"
        return stored_secrets.load(self.folder / "secrets.json", env_file=self.env, database=database)

    def core_client(self) -> dict[str, str]:
        """Load the credentials of core's machine client, as variables; empty if a client has yet to be created."""
        return read_object(self.client, "CORE_CLIENT_ID") or {}

    def _lock_folder(self) -> None:
        """Take a lock that the kernel releases when this process ends, however it ends."""
        self._lock = (self.folder / "lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            raise StartupError(
                f"Heidi is already running in {self.folder}. Stop it, or set HEIDI_HOME to another folder."
            ) from None
