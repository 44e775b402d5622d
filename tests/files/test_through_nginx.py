"""The file service as it is deployed: gunicorn behind the router, with third-party clients."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from flask import Flask
from sqlalchemy import func, select, update
from tusclient.client import TusClient
from urllib3.exceptions import HTTPError

from heidi_common.config.settings import Settings
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.runtime import current_runtime
from heidi_services import SERVICES
from heidi_services.files.models import File, ResumableUpload, StoredObject
from heidi_services.files.service import cleanup
from heidi_services.files.storage import storage
from heidi_services.files.storage.local import LocalStorage
from heidi_standalone.servers.nginx import Router
from tests.files.conftest import clean, stored_keys
from tests.gunicorn_server import ROOT, WebProcess
from tests.npm_packages import node_modules
from tests.polling import TIMEOUT_SECONDS, until
from tests.ports import free_port
from tests.standalone.conftest import listens

MIB = 1024 * 1024


@dataclass
class Deployed:
    """The folder of stored files, and the router and the service, which can be killed and started again."""

    folder: Path
    settings: Settings
    web: WebProcess
    port: int
    router: Router
    nginx: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.router.port}"

    def restart(self) -> None:
        """kill -9 for master and workers of the service, then start it again on the same port."""
        kill_tree(self.web.process)
        self.web = start(self.settings, self.folder, self.port)

    def kill_router(self) -> None:
        """kill -9 for master and workers of the router, then start it again on the same port."""
        kill_tree(self.nginx)
        self.nginx = start_router(self.router)

    def post(self, headers: dict[str, str], content: Any, query: str = "") -> requests.Response:
        return requests.post(f"{self.url}/api/v1/files{query}", data=content, headers=headers, timeout=TIMEOUT_SECONDS)

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(f"{self.url}/api/v1/files/{path}", headers=headers, timeout=TIMEOUT_SECONDS)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    for worker in workers:
        with suppress(psutil.NoSuchProcess):
            worker.kill()
    psutil.wait_procs(workers, TIMEOUT_SECONDS)


def start_router(router: Router) -> subprocess.Popen[bytes]:
    with router.folder.with_name("nginx.log").open("ab") as log:
        process = subprocess.Popen(router.command(), stdout=log, stderr=log)
    until(lambda: listens(router.port) or process.poll() is not None)
    assert process.poll() is None, router.folder.with_name("nginx.log").read_text()[-2000:]
    return process


def start(settings: Settings, folder: Path, port: int) -> WebProcess:
    environment = {"FILES_PATH": str(folder), "FILES_STALL_SECONDS": "3", "FILES_MAX_BYTES": str(50 * MIB)}
    return WebProcess("files", settings, port=port, REQUEST_TIME_LIMIT="2", **environment)


@pytest.fixture(scope="module")
def server(platform: Flask, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder, port = tmp_path_factory.mktemp("stored") / "files", free_port()
    followed = {"FILES_MAX_BYTES": str(50 * MIB), "FILES_STALL_SECONDS": "3"}
    addresses = dict.fromkeys(SERVICES, f"127.0.0.1:{port}")
    router = Router(tmp_path_factory.mktemp("nginx") / "nginx", free_port(), addresses, followed, files=folder)
    router.prepare()
    deployed = Deployed(folder, settings, start(settings, folder, port), port, router, start_router(router))
    yield deployed
    deployed.nginx.terminate()
    deployed.nginx.wait(TIMEOUT_SECONDS)
    deployed.web.stop()


@pytest.fixture
def deployed(app: Flask, server: Deployed) -> Iterator[Deployed]:
    """The server, whose folder the app of the test uses too."""
    previous = storage()
    for folder in server.folder.iterdir():
        shutil.rmtree(folder)
    current_runtime().instances[storage] = LocalStorage(server.folder)
    yield server
    current_runtime().instances[storage] = previous


def test_the_router_sends_the_content_with_the_headers_of_the_service(deployed: Deployed, as_user: Any) -> None:
    content = os.urandom(3 * MIB + 5)
    headers = as_user().headers
    file = deployed.post(headers, content, "?name=Gr%C3%B6%C3%9Fe.bin").json()["data"]
    path = f"{file['id']}/content"
    response = deployed.get(path, **headers)
    assert response.content == content and response.headers["Content-Length"] == str(len(content))
    assert (
        response.headers["Content-Disposition"]
        == "attachment; filename=\"Groe.bin\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.bin"
    )
    assert response.headers["X-Content-Type-Options"] == "nosniff" and response.headers["Accept-Ranges"] == "bytes"
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "X-Accel-Redirect" not in response.headers and "Last-Modified" not in response.headers
    assert response.headers["X-Request-ID"] and "app;dur=" in response.headers["Server-Timing"]
    tag = response.headers["ETag"]
    assert tag == f'"{file["sha256"][:32]}"'
    assert deployed.get(path, **headers, **{"If-None-Match": tag}).status_code == 304
    ranged = deployed.get(path, **headers, Range="bytes=5-1000000", **{"If-Range": tag})
    assert (ranged.status_code, ranged.content) == (206, content[5:1000001])
    assert deployed.get(path, **headers, Range="bytes=5-9", **{"If-Range": '"x"'}).content == content
    assert deployed.get(path, **headers, Range="bytes=99999999-").status_code == 416
    several = deployed.get(path, **headers, Range="bytes=0-0,10-19")
    assert several.status_code == 206 and several.headers["Content-Type"].startswith("multipart/byteranges")


def test_stored_files_cannot_be_reached_without_the_service(deployed: Deployed, as_user: Any) -> None:
    deployed.post(as_user().headers, b"x")
    [key] = stored_keys(LocalStorage(deployed.folder)) & {
        row.hex for row in db.session.scalars(select(StoredObject.id))
    }
    for path in (f"/_files/{key[-2:]}/{key}", "/_files/", "/_files", f"/api/v1/files/../../_files/{key[-2:]}/{key}"):
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        assert b" 404 " in exchange(deployed.url, request).split(b"\r\n")[0], path


def exchange(url: str, request: bytes) -> bytes:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), TIMEOUT_SECONDS) as connection:
        connection.sendall(request)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def test_only_files_may_exceed_the_limit_of_bodies(deployed: Deployed, as_user: Any) -> None:
    headers = as_user().headers
    assert deployed.post(headers, bytes(50 * MIB)).status_code == 201
    for extra in (1, 100_000):
        response = deployed.post(headers, bytes(50 * MIB + extra))
        assert (response.status_code, response.json()["code"]) == (413, "too_large")
    rejected = deployed.post({"Authorization": "Bearer no"}, bytes(20 * MIB))
    assert (rejected.status_code, rejected.json()["status"]) == (401, 401)
    assert deployed.post(headers, bytes(20 * MIB), "?visibility=X").json()["status"] == 422
    other = requests.post(f"{deployed.url}/api/v1/users", data=bytes(2 * MIB), timeout=TIMEOUT_SECONDS)
    assert other.status_code == 413 and "1048576" in other.json()["detail"]


def slow_upload(url: str, headers: dict[str, str], pieces: int, pause: float, size: int) -> bytes:
    """Send a body in pieces, and return the response (empty if the connection was closed)."""
    host, port = url.removeprefix("http://").split(":")
    head = f"POST /api/v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: {headers['Authorization']}\r\n"
    with socket.create_connection((host, int(port)), TIMEOUT_SECONDS) as connection:
        connection.sendall(f"{head}Connection: close\r\nContent-Length: {pieces * size}\r\n\r\n".encode())
        try:
            for _ in range(pieces):
                connection.sendall(os.urandom(size))
                time.sleep(pause)
            return connection.recv(65536)
        except OSError:
            return b""


def test_an_upload_may_take_longer_than_other_requests(deployed: Deployed, as_user: Any) -> None:
    response = slow_upload(deployed.url, as_user().headers, pieces=10, pause=0.5, size=100_000)
    assert b" 201 " in response.split(b"\r\n")[0], response


@pytest.mark.parametrize(("pieces", "pause"), [(2, 8), (400, 0.05)], ids=["silence", "single bytes"])
def test_an_upload_that_stalls_is_aborted_and_leaves_nothing(
    deployed: Deployed, as_user: Any, pieces: int, pause: float
) -> None:
    response = slow_upload(deployed.url, as_user().headers, pieces=pieces, pause=pause, size=1)
    assert b" 201 " not in response.split(b"\r\n")[0]
    until(lambda: db.session.rollback() or db.session.scalar(select(StoredObject.status)) == "REMOVING")
    clean(LocalStorage(deployed.folder))


def test_a_thousand_parallel_uploads_are_all_stored(deployed: Deployed, as_user: Any) -> None:
    users = [as_user().headers for _ in range(4)]
    clean(LocalStorage(deployed.folder))

    def upload(number: int) -> str:
        content = f"file {number}\n".encode() * (1 + number % 50)
        response = deployed.post(users[number % 4], content)
        assert response.status_code == 201, response.text
        assert response.json()["data"]["sha256"] == hashlib.sha256(content).hexdigest()
        return str(response.json()["data"]["id"])

    with ThreadPoolExecutor(20) as threads:
        ids = list(threads.map(upload, range(1000)))
    assert len(set(ids)) == 1000
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(File)) == 1000
    clean(LocalStorage(deployed.folder))
    for number in (0, 499, 999):
        expected = f"file {number}\n".encode() * (1 + number % 50)
        assert deployed.get(f"{ids[number]}/content", **users[number % 4]).content == expected


def test_a_third_party_client_uploads_with_tus(deployed: Deployed, as_user: Any, tmp_path: Path) -> None:
    path, headers = tmp_path / "report.bin", as_user().headers
    path.write_bytes(os.urandom(5 * MIB + 3))
    client = TusClient(f"{deployed.url}/api/v1/files/uploads", headers)
    with path.open("rb") as file:
        about = {"filename": "report.bin"}
        uploader = client.uploader(file_stream=file, chunk_size=MIB, metadata=about, upload_checksum=True)
        uploader.upload()
    file_id = uploader.url.rpartition("/")[2]
    assert deployed.get(f"{file_id}/content", **headers).content == path.read_bytes()
    assert deployed.get(file_id, **headers).json()["data"]["name"] == "report.bin"


TUS_JS = {"tus-js-client": "4.3.1"}


@pytest.fixture(scope="session")
def tus_js(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program for Node.js with tus-js-client."""
    modules, folder = node_modules(Path(__file__).parent, TUS_JS), tmp_path_factory.mktemp("tus-js")
    (folder / "node_modules").symlink_to(modules)
    return Path(shutil.copy(Path(__file__).with_name("tus_upload.mjs"), folder))


def test_tus_js_client_survives_a_kill_of_the_service(
    deployed: Deployed, as_user: Any, tus_js: Path, tmp_path: Path
) -> None:
    """It continues, or begins a new upload if it asks for the offset while the service starts."""
    path, headers, size = tmp_path / "large.bin", as_user().headers, 8 * MIB + 3
    path.write_bytes(os.urandom(size))
    arguments = [f"{deployed.url}/api/v1/files/uploads", headers["Authorization"], str(path)]
    client = subprocess.Popen(["node", str(tus_js), *arguments], stdout=subprocess.PIPE, text=True)
    until(lambda: stored_offset() >= size // 4 or client.poll() is not None)
    assert client.poll() is None, "the client has ended too early"
    deployed.restart()
    output, _ = client.communicate(timeout=5 * TIMEOUT_SECONDS)
    assert client.returncode == 0
    result = json.loads(output)
    file_id = result["uploaded"].rpartition("/")[2]
    file = deployed.get(file_id, **headers).json()["data"]
    assert (file["name"], file["sha256"]) == ("Gr\u00f6\u00dfe.bin", hashlib.sha256(path.read_bytes()).hexdigest())
    tus = headers | {"Tus-Resumable": "1.0.0"}
    assert requests.head(result["terminated"], headers=tus, timeout=TIMEOUT_SECONDS).status_code == 404
    let_a_day_pass(deployed)


@pytest.mark.slow
def test_a_resumable_upload_survives_twenty_kills_of_client_router_and_service(
    deployed: Deployed, as_user: Any, tmp_path: Path
) -> None:
    """`kill -9` in the middle of requests; a new client asks for the offset and continues."""
    path, headers, size = tmp_path / "large.bin", as_user().headers, 24 * MIB
    path.write_bytes(os.urandom(size))
    with path.open("rb") as file:
        url = TusClient(f"{deployed.url}/api/v1/files/uploads", headers).uploader(file_stream=file).create_url()
    clients = [start_client(url, headers, path)]

    def kill_client() -> None:
        clients[-1].kill()
        clients[-1].wait()
        clients.append(start_client(url, headers, path))

    kills = (kill_client, deployed.kill_router, kill_client, deployed.kill_router, deployed.restart)
    for number in range(20):
        until(lambda n=number: stored_offset() >= (n + 1) * size // 22 or clients[-1].poll() is not None)
        assert clients[-1].poll() is None, "the client has ended too early"
        kills[number % len(kills)]()
    assert clients[-1].wait(5 * TIMEOUT_SECONDS) == 0
    file = deployed.get(url.rpartition("/")[2], **headers).json()["data"]
    assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest() and file["bytes"] == size
    let_a_day_pass(deployed)


def start_client(url: str, headers: dict[str, str], path: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.files.tus_sender", url, headers["Authorization"], str(path)]
    return subprocess.Popen(command, cwd=ROOT)


def stored_offset() -> int:
    db.session.rollback()
    return db.session.scalar(select(ResumableUpload.offset)) or 0


def let_a_day_pass(deployed: Deployed) -> None:
    """Then storage has the objects of files only."""
    db.session.rollback()
    with transaction():
        db.session.execute(update(ResumableUpload).values(expires_at=utcnow() - timedelta(days=1)))
    cleanup.delete_expired_uploads()
    with transaction():
        changes = update(StoredObject).where(StoredObject.remove_after.is_not(None))
        db.session.execute(changes.values(remove_after=func.now()))
    clean(LocalStorage(deployed.folder))
    stored = stored_keys(LocalStorage(deployed.folder))
    assert stored == {key.hex for key in db.session.scalars(select(File.object_id))}


def test_a_router_that_is_killed_during_an_upload_leaves_nothing(deployed: Deployed, as_user: Any) -> None:
    headers, release = as_user().headers, threading.Event()

    def body() -> Iterator[bytes]:
        yield os.urandom(4 * MIB)
        release.wait(TIMEOUT_SECONDS)
        yield b"x"

    with ThreadPoolExecutor(1) as threads:
        upload = threads.submit(deployed.post, headers, body())
        until(lambda: db.session.rollback() or db.session.scalar(select(StoredObject.status)) == "WRITING")
        deployed.kill_router()
        release.set()
        with pytest.raises(requests.RequestException):
            upload.result()
    until(lambda: db.session.rollback() or db.session.scalar(select(StoredObject.status)) == "REMOVING")
    let_a_day_pass(deployed)
    assert db.session.scalar(select(func.count()).select_from(File)) == 0
    assert deployed.post(headers, b"again").status_code == 201


@pytest.mark.parametrize("killed", ["router", "service"])
def test_a_download_continues_after_a_kill(deployed: Deployed, as_user: Any, killed: str) -> None:
    headers, content = as_user().headers, os.urandom(32 * MIB)
    file = deployed.post(headers, content).json()["data"]
    url = f"{deployed.url}/api/v1/files/{file['id']}/content"
    received = b""
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
        tag = response.headers["ETag"]
        received += response.raw.read(MIB)
        (deployed.kill_router if killed == "router" else deployed.restart)()
        with suppress(HTTPError, OSError):
            while part := response.raw.read(MIB):
                received += part
    assert killed == "service" or len(received) < len(content)
    if len(received) < len(content):
        rest = deployed.get(f"{file['id']}/content", **headers, Range=f"bytes={len(received)}-", **{"If-Range": tag})
        assert rest.status_code == 206
        received += rest.content
    assert received == content


def test_kills_during_uploads_leave_nothing_that_is_not_cleaned_up(deployed: Deployed, as_user: Any) -> None:
    headers = as_user().headers
    for moment in (0.05, 0.2, 0.4):
        with ThreadPoolExecutor(4) as threads:
            running_uploads = [threads.submit(_try_upload, deployed, headers, number) for number in range(4)]
            time.sleep(moment)
            deployed.restart()
            completed = [upload.result() for upload in running_uploads]
        assert len(completed) == 4
    let_a_day_pass(deployed)


def _try_upload(deployed: Deployed, headers: dict[str, str], number: int) -> int:
    try:
        return deployed.post(headers, os.urandom(8 * MIB)).status_code
    except requests.RequestException:
        return 0
