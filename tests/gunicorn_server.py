"""A service as it is deployed: gunicorn with the configuration of the project, on its own port."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import requests

from heidi_common.config.settings import Settings
from tests.polling import TIMEOUT_SECONDS, until
from tests.ports import free_port
from tests.process_environment import process_environment

ROOT = Path(__file__).parent.parent


class WebProcess:
    """A running service. `stop()` returns when it has ended."""

    def __init__(self, service: str, settings: Settings, *, port: int | None = None, **environment: str) -> None:
        port = port or free_port()
        self.url = f"http://127.0.0.1:{port}"
        options = {"HEIDI_SERVICE": service, "BIND": f"127.0.0.1:{port}", "WEB_CONCURRENCY": "1"} | environment
        env = process_environment(settings, **options)
        self.process = subprocess.Popen([sys.executable, "-m", "gunicorn"], cwd=ROOT, env=env)
        self._wait_until_up()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(TIMEOUT_SECONDS)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _wait_until_up(self) -> None:
        try:
            until(self._is_up)
        except BaseException:
            self.kill()
            raise

    def _is_up(self) -> bool:
        try:
            # It accepts connections before it can respond: until its modules are imported, a request waits.
            return requests.get(f"{self.url}/healthz", timeout=TIMEOUT_SECONDS).ok
        except requests.ConnectionError:
            assert self.process.poll() is None, "it has ended"
            return False
