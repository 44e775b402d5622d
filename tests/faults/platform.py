"""A whole platform under test: `flask up` in its own folder, on its own ports, with control over its processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import psycopg2
import requests

from heidi_standalone.servers.unix_sockets import socket_folder
from heidi_standalone.supervision.supervisor import SOCKET, supervisor_rpc
from tests.polling import TIMEOUT_SECONDS
from tests.ports import free_range

ROOT = Path(__file__).parents[2]
START_SECONDS = 240
MESSAGE_ID = re.compile(rb"^Message-ID:\s*<([0-9a-f-]{36})@", re.IGNORECASE | re.MULTILINE)


class Platform:
    """start(), url, pid(name), kill(name), mails(), query(sql), stop()."""

    def __init__(self, home: Path, broker_url: str | None = None) -> None:
        self.home, self.broker_url = home, broker_url
        self.base = free_range()
        self.url = f"http://127.0.0.1:{self.base + 30}"
        self.log = home / "up.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when the banner has been printed: then every service responds."""
        self.home.mkdir(parents=True, exist_ok=True)
        options = ["--broker-url", self.broker_url] if self.broker_url else []
        command = [sys.executable, "-m", "flask", "up", "--port", str(self.base + 30), *options]
        env = {k: v for k, v in os.environ.items() if not k.startswith(("HEIDI_", "PYTEST"))}
        env |= {"HEIDI_HOME": str(self.home), "HEIDI_BASE_PORT": str(self.base), "PYTHONUNBUFFERED": "1"}
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)
        wait_for(self._is_up, START_SECONDS, lambda: f"flask up: {self.log.read_text()[-3000:]}")

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()[-3000:]
        return "curl" in self.log.read_text()

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(180)
            self._process = None

    def pid(self, name: str) -> int:
        """Return the PID of a supervised program; 0 while it is being restarted."""
        with self._rpc() as rpc:
            programs = {info["name"]: info for info in rpc.getAllProcessInfo()}
        return int(programs[name]["pid"]) if programs[name]["statename"] in ("RUNNING", "STARTING") else 0

    def kill(self, name: str) -> None:
        """kill -9, and wait until the supervisor has started another one."""
        before = self.pid(name)
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: self.pid(name) not in (0, before), 120, lambda: f"{name} was not restarted")

    def stop_program(self, name: str) -> None:
        """Stop a supervised program cleanly, until `start_program`."""
        with self._rpc() as rpc:
            rpc.stopProcess(self._full_name(name))

    def start_program(self, name: str) -> None:
        with self._rpc() as rpc:
            rpc.startProcess(self._full_name(name))

    def _full_name(self, name: str) -> str:
        with self._rpc() as rpc:
            (info,) = (info for info in rpc.getAllProcessInfo() if info["name"] == name)
        return f"{info['group']}:{name}"

    def worker_children(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.pid("worker")).children()]

    def wipe_broker(self) -> None:
        """kill -9 of the embedded Valkey, and delete everything it has written."""
        for path in (self.home / "valkey").rglob("*.aof*"):
            path.unlink(missing_ok=True)
        self.kill("valkey")

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self._database_url())
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql, values)
                return cursor.fetchall()
        finally:
            connection.close()

    def mails(self) -> Counter[UUID]:
        """Count the e-mails of each notification that have arrived."""
        counts: Counter[UUID] = Counter()
        for path in (self.home / "mail" / "new").iterdir():
            match = MESSAGE_ID.search(path.read_bytes())
            assert match is not None, f"{path} has no Message-ID made of a notification ID"
            counts[UUID(match.group(1).decode())] += 1
        return counts

    def attachments(self) -> list[bytes]:
        """Read the attachments of all e-mails that have arrived."""
        messages = [
            message_from_bytes(path.read_bytes(), policy=default) for path in (self.home / "mail" / "new").iterdir()
        ]
        return [part.get_payload(decode=True) for message in messages for part in message.iter_attachments()]

    def sign_in(self) -> dict[str, str]:
        email, password = (self.home / "admin.txt").read_text().split()
        credentials = {"email": email, "password": password}
        answer = requests.post(f"{self.url}/api/v1/auth/login", json=credentials, timeout=TIMEOUT_SECONDS)
        while answer.status_code == 503:  # too many sign-ins wait for a hash
            time.sleep(float(answer.headers["Retry-After"]))
            answer = requests.post(f"{self.url}/api/v1/auth/login", json=credentials, timeout=TIMEOUT_SECONDS)
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['data']['accessToken']}"}

    def _database_url(self) -> str:
        for line in (self.home / "env").read_text().splitlines():
            if line.startswith("DATABASE_URL="):
                return line.partition("=")[2].strip("'").replace("postgresql+psycopg2://", "postgresql://")
        raise AssertionError("no DATABASE_URL in the platform's env file")

    def _rpc(self) -> AbstractContextManager[Any]:
        return supervisor_rpc(socket_folder(self.home / "run", SOCKET) / SOCKET)


class Sender:
    """Sends many notifications as a robust client does: it repeats failed requests with the same Idempotency-Key."""

    def __init__(self, platform: Platform, user_id: str) -> None:
        self.platform, self.user_id, self.headers = platform, user_id, platform.sign_in()
        self.sent: set[UUID] = set()
        self.attachment = b""
        self.file_id: str | None = None
        self.lock = threading.Lock()

    def attach(self, content: bytes) -> None:
        """Attach a file to each tenth message."""
        url = f"{self.platform.url}/api/v1/files?name=a.bin"
        answer = requests.post(url, data=content, headers=self.headers, timeout=TIMEOUT_SECONDS)
        self.attachment, self.file_id = content, answer.json()["data"]["id"]

    def send(self, number: int) -> None:
        body: dict[str, Any] = {"userId": self.user_id, "channel": "EMAIL", "subject": f"No. {number}"}
        body |= {"content": "Hello"} | ({"attachments": [self.file_id]} if self.file_id and number % 10 == 0 else {})
        self._post("/api/v1/notifications", body)

    def register(self, number: int) -> None:
        """Register a user: an event of another service, for which the user is welcomed once."""
        body = {"email": f"person{number}-{uuid4().hex[:8]}@example.com", "password": f"a long password {uuid4()}"}
        self._post("/api/v1/users", body, is_tracked=False)

    def _post(self, path: str, body: dict[str, Any], *, is_tracked: bool = True) -> None:
        headers = self.headers | {"Idempotency-Key": str(uuid4())}
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = requests.post(self.platform.url + path, json=body, headers=headers, timeout=TIMEOUT_SECONDS)
            except requests.RequestException:
                time.sleep(0.2)
                continue
            if answer.status_code in (201, 202):
                with self.lock:
                    self.sent.update([UUID(answer.json()["data"]["id"])] if is_tracked else [])
                return
            assert answer.status_code in (409, 429, 502, 503, 507), f"{answer.status_code} {answer.text}"
            time.sleep(float(answer.headers.get("Retry-After", 0.2)))
        raise AssertionError(f"{path} did not succeed within {START_SECONDS} seconds")

    def run(self, mails: int, users: int) -> ThreadPoolExecutor:
        pool = ThreadPoolExecutor(6)
        self.work = [pool.submit(self.send, number) for number in range(mails)]
        self.work += [pool.submit(self.register, number) for number in range(users)]
        return pool


def wait_for(check: Callable[[], Any], seconds: float, why: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, why()
        time.sleep(0.1)
