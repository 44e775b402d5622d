"""A RabbitMQ node with its own ports and folders, independent of other nodes on this machine."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pika

from tests.polling import TIMEOUT_SECONDS
from tests.ports import free_port

SERVER = shutil.which("rabbitmq-server", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
BOOT_SECONDS = 180


class RabbitNode:
    """A node; confirmed messages survive kill9() and start()."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.dist_port, self._epmd_port = free_port(), free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @staticmethod
    def available() -> bool:
        return SERVER is not None

    def start(self) -> None:
        """Start the node and wait until it accepts connections."""
        assert SERVER is not None
        folder = self.folder
        for name in ("mnesia", "log"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "enabled_plugins").write_text("[].\n")
        with (folder / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                [_real_server()], env=self._environment(), stdout=output, stderr=output, start_new_session=True
            )
        self._wait_until_up()

    def kill9(self) -> None:
        """Kill the whole process group, as a power failure would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(TIMEOUT_SECONDS)
        self._process = None
        self._stop_name_service()

    def ctl(self, *command: str) -> str:
        """Run a command of rabbitmqctl, and return what it prints."""
        program = str(Path(_real_server()).with_name("rabbitmqctl"))
        result = subprocess.run(
            [program, *command], env=self._environment(), capture_output=True, text=True, timeout=180, check=False
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    def freeze(self) -> None:
        """Stop reading from connections but keep them open; only kill9() ends this state."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)

    def stop(self) -> None:
        if self._process is None:
            return
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(TIMEOUT_SECONDS)
        self._process = None
        self._stop_name_service()

    def _stop_name_service(self) -> None:
        """Stop the port mapper, which Erlang leaves running; no other node uses it."""
        epmd = shutil.which("epmd")
        if epmd is not None:
            command = [epmd, "-port", str(self._epmd_port), "-kill"]
            subprocess.run(command, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)

    def _environment(self) -> dict[str, str]:
        return os.environ | {
            "HOME": str(self.folder),  # its own Erlang cookie
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"heidi-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            try:
                pika.BlockingConnection(pika.URLParameters(self.url)).close()
                return
            except (pika.exceptions.AMQPError, OSError):
                died = self._process is None or self._process.poll() is not None
                if died or time.monotonic() > deadline:
                    raise RuntimeError(f"RabbitMQ did not start: {self._last_output()}") from None
                time.sleep(0.2)

    def _last_output(self) -> str:
        return (self.folder / "output.log").read_text(errors="replace")[-2000:]


def _real_server() -> str:
    """Return the server itself: the script in /usr/sbin switches to the user rabbitmq, who cannot write here."""
    server = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    return str(server) if server.exists() else str(SERVER)
