"""The supervisor: a child process that runs and restarts all programs, and ends with the launcher."""

import re
import subprocess  # nosec B404  # runs the package supervisor
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from xmlrpc.client import ServerProxy  # nosec B411  # talks to our own child over a Unix socket

from supervisor.xmlrpc import SupervisorTransport

from heidi_common.server import parent_death
from heidi_standalone.home.private_files import write_private
from heidi_standalone.log_causes import cause_in
from heidi_standalone.servers.unix_sockets import make_private_folder, socket_folder
from heidi_standalone.supervision import config
from heidi_standalone.supervision.program import Program

SOCKET = "supervisor.sock"
EXIT_LINE = re.compile(r"exited: (?P<name>\S+) \((?P<reason>[^;)]*)|spawnerr: (?P<error>.*)")
STOP_SECONDS = 60
STABLE_SECONDS = 3


@contextmanager
def supervisor_rpc(path: Path) -> Iterator[Any]:
    """Connect to the XML-RPC interface of a supervisor, and close the connection afterwards.

    Args:
        path: The supervisor's socket.
    """
    transport = SupervisorTransport("", "", f"unix://{path}")
    with ServerProxy("http://127.0.0.1", transport=transport) as proxy:
        yield proxy.supervisor


class Supervisor:
    """Runs and restarts programs.

    Args:
        folder: For the configuration and the socket.
        logs: For the logs of the programs.
        root: Working folder of the programs.
        on_exit: Called with name and reason when a program ends by itself; it is restarted.
    """

    def __init__(self, folder: Path, logs: Path, root: Path, on_exit: Callable[[str, str], None]) -> None:
        self.folder, self.logs, self.root, self.on_exit = folder, logs, root, on_exit
        self.socket = socket_folder(folder, SOCKET) / SOCKET
        self.programs: list[Program] = []
        self._config = folder / "supervisord.conf"
        self.exits: Counter[str] = Counter()
        self.stopping = False
        self._process: subprocess.Popen[str] | None = None

    def start(self, env: Mapping[str, str]) -> None:
        """Start the supervisor without programs. Call it from the main thread: the supervisor ends with that thread."""
        make_private_folder(self.socket.parent)
        self._write_config()
        command = parent_death.command(
            sys.executable, "-m", "heidi_standalone.supervision.supervisord", "-c", str(self._config)
        )
        self._process = subprocess.Popen(  # nosec B603
            command,
            env=env,
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Ctrl-C must reach the launcher only, which then stops the supervisor.
            start_new_session=True,
        )
        Thread(target=self._listen, args=[self._process], daemon=True).start()
        self._wait_for_socket()

    def launch(self, programs: Iterable[Program]) -> None:
        """Start programs of one group, and restart them from now on."""
        added = list(programs)
        self.programs += added
        self._write_config()
        with supervisor_rpc(self.socket) as rpc:
            rpc.reloadConfig()
            for group in {program.group for program in added}:
                rpc.addProcessGroup(group)
            rpc.startProcessGroup(group, False)

    def restart(self, name: str) -> None:
        """Restart a program that hangs. It is killed if it does not end in time."""
        process = f"{next(program.group for program in self.programs if program.name == name)}:{name}"
        with supervisor_rpc(self.socket) as rpc:
            rpc.stopProcess(process)
            rpc.startProcess(process, False)

    def is_up(self, name: str) -> bool:
        """Whether a program has been running for `STABLE_SECONDS`."""
        with supervisor_rpc(self.socket) as rpc:
            (info,) = (info for info in rpc.getAllProcessInfo() if info["name"] == name)
        return bool(info["statename"] == "RUNNING" and info["now"] - info["start"] >= STABLE_SECONDS)

    @property
    def alive(self) -> bool:
        """Whether the supervisor itself is running."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop all programs, in reverse order of their groups, and the supervisor."""
        self.stopping = True
        if self._process is not None and self.alive:
            self._process.terminate()
            self._process.wait(STOP_SECONDS)

    def _write_config(self) -> None:
        text = config.render(self.programs, folder=self.root, logs=self.logs, socket=self.socket)
        write_private(self._config, text)

    def _wait_for_socket(self) -> None:
        deadline = time.monotonic() + 20
        while not self._answers():
            if not self.alive or time.monotonic() > deadline:
                raise RuntimeError(f"The supervisor did not start: {cause_in(self.logs / 'supervisord.log')}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with supervisor_rpc(self.socket) as rpc:
                return bool(rpc.getState()["statename"] == "RUNNING")
        except OSError:
            return False

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            match = EXIT_LINE.search(line)
            if match and match["name"] and not self.stopping:
                self.exits[match["name"]] += 1
                self.on_exit(match["name"], match["reason"])
