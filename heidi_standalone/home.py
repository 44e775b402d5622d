"""HEIDI_HOME: the one folder in which everything lives that a standalone platform keeps."""

import base64
import fcntl
import json
import secrets
from pathlib import Path
from typing import IO

from heidi_standalone.errors import CannotRun
from heidi_standalone.private_files import write_private


class Home:
    """Folders, secrets and keys; all of it is made the first time and found again later."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.postgres = self.folder / "postgres"
        self.valkey = self.folder / "valkey"
        self.nginx = self.folder / "nginx"
        self.mail = self.folder / "mail"
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
        """Make the folders and take the lock; raises CannotRun where another works in them."""
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._take_lock()
        for folder in (self.logs, self.run, self.private_keys.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        if not self.private_keys.exists():
            self._make_keys()

    def close(self) -> None:
        """Let another have the folder."""
        if self._lock is not None:
            self._lock.close()

    def secrets(self) -> dict[str, str]:
        """Made once; whoever changes them by hand loses what was encrypted with them."""
        path = self.folder / "secrets.json"
        if not path.exists():
            made = {
                "SECRET_KEY": secrets.token_urlsafe(48),
                "ENCRYPTION_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
                "VALKEY_PASSWORD": secrets.token_hex(24),
            }
            write_private(path, json.dumps(made, indent=1))
        found: dict[str, str] = json.loads(path.read_text())
        return found

    def core_client(self) -> dict[str, str]:
        """Core's own credentials, as variables; empty before the first start."""
        found: dict[str, str] = json.loads(self.client.read_text()) if self.client.exists() else {}
        return found

    def _make_keys(self) -> None:
        """The public set first: keys exist when the private one does."""
        from heidi_common.jwt import keys  # only the first time: it brings cryptography along

        made = [keys.generate_key()]
        self.public_keys.write_text(json.dumps(keys.public_set(made), indent=1))
        write_private(self.private_keys, json.dumps({"keys": made}, indent=1))

    def _take_lock(self) -> None:
        """Held until this process ends, however it ends."""
        self._lock = (self.folder / "lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotRun(f"it is already running in {self.folder}") from None
