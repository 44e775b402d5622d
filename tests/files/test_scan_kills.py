"""kill -9 of the worker, or of clamd, during a scan: the file is scanned again, and cannot be downloaded before."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging import lease_keeper
from heidi_services.files.models import FileJob, StoredObject
from heidi_services.files.service import processing
from heidi_services.files.storage.local import LocalStorage
from tests.conftest import SignedIn
from tests.files.conftest import EICAR
from tests.files.test_processing import work
from tests.gunicorn_server import ROOT
from tests.polling import TIMEOUT_SECONDS, until

LARGE = b"harmless" * 1_000_000
"""More than the buffers of a connection: the worker waits in the middle of its content."""


class HoldingScanner:
    """A server with the wire format of clamd that reads content and responds when it is told to.

    Args:
        reads_all: Whether it reads the content to its end; otherwise it stops at the first chunk.
    """

    def __init__(self, *, reads_all: bool) -> None:
        self._reads_all = reads_all
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self.holds, self._goes_on = threading.Event(), threading.Event()
        self._response: bytes | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def respond(self, response: bytes | None) -> None:
        """Respond, or close the connection without a response as a killed clamd does."""
        self._response = response
        self._goes_on.set()
        self._thread.join(TIMEOUT_SECONDS)

    def close(self) -> None:
        self.respond(None)
        self._server.close()

    def _run(self) -> None:
        connection, _ = self._server.accept()
        with connection, connection.makefile("rb") as stream:
            assert stream.read(10) == b"zINSTREAM\0"
            while (size := struct.unpack("!I", stream.read(4))[0]) and self._reads_all:
                stream.read(size)
            self.holds.set()
            self._goes_on.wait(TIMEOUT_SECONDS)
            if self._response is not None:
                connection.sendall(self._response)


Hold = Callable[..., HoldingScanner]


@pytest.fixture
def hold() -> Iterator[Hold]:
    scanners: list[HoldingScanner] = []

    def hold(*, reads_all: bool = True) -> HoldingScanner:
        scanners.append(HoldingScanner(reads_all=reads_all))
        return scanners[-1]

    yield hold
    for scanner in scanners:
        scanner.close()


Scan = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def scan(local: LocalStorage, database_url: str, redis_url: str) -> Scan:
    """Let a worker process scan the only object: `scan(clamav_url)`."""

    def scan(clamav_url: str) -> subprocess.Popen[bytes]:
        arguments = [database_url, redis_url, str(local.root), clamav_url, str(the_object().id)]
        db.session.remove()
        return subprocess.Popen([sys.executable, "-m", "tests.files.scanning_process", *arguments], cwd=ROOT)

    return scan


def the_object() -> StoredObject:
    db.session.rollback()
    return db.session.scalars(select(StoredObject)).one()


def let_time_pass(**time: float) -> None:
    """Let the lease and the pause before the next attempt end as if this time had passed."""
    past = timedelta(**time)
    moved = {column: getattr(FileJob, column) - past for column in ("locked_until", "next_attempt_at", "hinted_until")}
    with transaction():
        db.session.execute(update(FileJob).values(moved).execution_options(synchronize_session=False))


def is_locked(client: FlaskClient, user: SignedIn, file_id: str) -> bool:
    """Whether the file cannot be downloaded because it is being scanned."""
    response = client.get(f"/api/v1/files/{file_id}/content", headers=user.headers)
    return (response.status_code, response.json["code"]) == (409, "scanning")


def until_held(scanner: HoldingScanner, worker: subprocess.Popen[bytes]) -> None:
    """Wait until the scanner keeps the worker waiting; fail if the worker has ended instead."""
    until(lambda: scanner.holds.is_set() or worker.poll() is not None)
    assert worker.poll() is None


@pytest.mark.parametrize("reads_all", [False, True], ids=["amid the content", "before the response"])
@pytest.mark.parametrize(
    ("content", "status"), [(LARGE, "READY"), (EICAR + LARGE, "QUARANTINED")], ids=["clean", "infected"]
)
def test_a_scan_whose_worker_is_killed_is_repeated(
    local: LocalStorage,
    client: FlaskClient,
    as_user: Any,
    send: Any,
    limits: Any,
    clamd: str,
    hold: Hold,
    scan: Scan,
    content: bytes,
    status: str,
    reads_all: bool,
) -> None:
    limits(clamav_url=clamd)
    user, scanner = as_user(), hold(reads_all=reads_all)
    file_id = send(user, content).json["data"]["id"]
    worker = scan(scanner.url)
    until_held(scanner, worker)
    worker.kill()
    worker.wait()
    assert is_locked(client, user, file_id)
    work()
    assert is_locked(client, user, file_id), "its lease has not ended"
    let_time_pass(seconds=processing.LEASE_SECONDS + 1)
    work()
    assert client.get(f"/api/v1/files/{file_id}", headers=user.headers).json["data"]["status"] == status
    expected = {"READY": 200, "QUARANTINED": 403}[status]
    assert client.get(f"/api/v1/files/{file_id}/content", headers=user.headers).status_code == expected


@pytest.mark.parametrize("reads_all", [False, True], ids=["amid the content", "before the response"])
def test_a_scan_whose_clamd_is_killed_is_repeated(
    local: LocalStorage,
    client: FlaskClient,
    as_user: Any,
    send: Any,
    limits: Any,
    clamd: str,
    hold: Hold,
    scan: Scan,
    reads_all: bool,
) -> None:
    limits(clamav_url=clamd)
    user, scanner = as_user(), hold(reads_all=reads_all)
    file_id = send(user, LARGE).json["data"]["id"]
    worker = scan(scanner.url)
    until_held(scanner, worker)
    scanner.respond(None)
    assert worker.wait(TIMEOUT_SECONDS) == 0
    assert is_locked(client, user, file_id)
    job = db.session.scalars(select(FileJob)).one()
    assert (job.status, job.locked_until) == ("PENDING", None) and "clamd" in (job.last_error or "")
    let_time_pass(seconds=10)
    work()
    assert client.get(f"/api/v1/files/{file_id}", headers=user.headers).json["data"]["status"] == "READY"


def test_a_long_scan_keeps_its_lease(
    local: LocalStorage,
    app: Flask,
    client: FlaskClient,
    as_user: Any,
    send: Any,
    limits: Any,
    hold: Hold,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lease_keeper, "EXTEND_AFTER_SECONDS", 0.05)
    scanner = hold()
    limits(clamav_url=scanner.url)
    user = as_user()
    file_id = send(user, b"harmless").json["data"]["id"]
    object_id = the_object().id

    def process(object_id: UUID) -> None:
        with app.app_context():
            processing.process(object_id)

    worker = threading.Thread(target=process, args=(object_id,))
    db.session.remove()
    worker.start()
    until(scanner.holds.is_set)
    let_time_pass(seconds=processing.LEASE_SECONDS / 2)
    until(lambda: remaining_lease() > timedelta(seconds=processing.LEASE_SECONDS * 3 / 4))
    scanner.respond(b"stream: OK\0")
    worker.join(TIMEOUT_SECONDS)
    assert client.get(f"/api/v1/files/{file_id}", headers=user.headers).json["data"]["status"] == "READY"
    assert db.session.scalars(select(FileJob.locked_until)).one() is None


def remaining_lease() -> timedelta:
    db.session.rollback()
    return db.session.scalars(select(FileJob.locked_until - func.now())).one() or timedelta()


def test_a_file_waits_if_scans_were_turned_off_meanwhile(
    local: LocalStorage, client: FlaskClient, as_user: Any, send: Any, limits: Any, clamd: str
) -> None:
    limits(clamav_url=clamd)
    user = as_user()
    file_id = send(user, EICAR).json["data"]["id"]
    limits(clamav_url="")
    work()
    assert is_locked(client, user, file_id)
    assert "Set CLAMAV_URL" in (db.session.scalars(select(FileJob.last_error)).one() or "")
    limits(clamav_url=clamd)
    let_time_pass(seconds=10)
    work()
    assert client.get(f"/api/v1/files/{file_id}", headers=user.headers).json["data"]["status"] == "QUARANTINED"
