"""The backends of storage: every test of uploads and downloads runs with a folder, and with moto's server for S3."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from urllib3 import encode_multipart_formdata
from werkzeug.test import TestResponse

from heidi_common.database.session import db
from heidi_common.runtime import current_runtime
from heidi_services.files.models import StoredObject
from heidi_services.files.service import cleanup
from heidi_services.files.storage import Storage, storage
from heidi_services.files.storage.local import LocalStorage
from heidi_services.files.storage.s3 import Bucket, S3Storage
from tests.conftest import SignedIn
from tests.polling import until
from tests.ports import free_port

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""The test file of the European Institute for Computer Antivirus Research; it does no harm."""
CLAMD = shutil.which("clamd")


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    until(lambda: _responds(url))
    yield url
    server.terminate()
    server.wait()


def _responds(url: str) -> bool:
    try:
        return requests.get(f"{url}/moto-api/data.json", timeout=5).ok
    except requests.ConnectionError:
        return False


@pytest.fixture
def s3(s3_endpoint: str) -> Iterator[S3Storage]:
    client = boto3.client(
        "s3", endpoint_url=s3_endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    )
    requests.post(f"{s3_endpoint}/moto-api/reset", timeout=10)
    client.create_bucket(Bucket="heidi")
    yield S3Storage(Bucket.from_url(f"s3://heidi?endpoint={s3_endpoint}&prefix=files/"), "x", "y")


@pytest.fixture(scope="session")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real clamd whose only signature is that of the EICAR file."""
    if CLAMD is None:
        pytest.skip("clamd is not installed (apt-get install clamav-daemon)")
    folder = tmp_path_factory.mktemp("clamd")
    database = folder / "database"
    database.mkdir()
    (database / "eicar.ndb").write_text(f"Eicar-Test:0:*:{EICAR.hex()}\n")
    path = folder / "clamd.sock"
    settings = {"DatabaseDirectory": database, "LocalSocket": path, "Foreground": "yes", "StreamMaxLength": "10M"}
    (folder / "clamd.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    folder.chmod(0o755)
    command = [CLAMD, "--config-file", str(folder / "clamd.conf")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    until(lambda: _accepts(path, server, folder / "log"))
    yield f"unix://{path}"
    server.terminate()
    server.wait()


def _accepts(path: Path, server: subprocess.Popen[bytes], log: Path) -> bool:
    assert server.poll() is None, log.read_text()
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(path)) == 0


class BufferedClient(FlaskClient):
    """Reads and closes each response, which may be an open file."""

    def open(self, *args: Any, **options: Any) -> TestResponse:
        return super().open(*args, **{"buffered": True} | options)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return BufferedClient(app, app.response_class)


@pytest.fixture(params=["local", "s3"])
def backend(request: pytest.FixtureRequest, app: Flask, tmp_path: Path) -> Iterator[Storage]:
    """The backend of the app in this test."""
    chosen = LocalStorage(tmp_path / "files") if request.param == "local" else request.getfixturevalue("s3")
    previous = storage()
    current_runtime().instances[storage] = chosen
    yield chosen
    current_runtime().instances[storage] = previous


@pytest.fixture
def local(app: Flask, tmp_path: Path) -> Iterator[LocalStorage]:
    """A separate folder for this test."""
    previous, chosen = storage(), LocalStorage(tmp_path / "files")
    current_runtime().instances[storage] = chosen
    yield chosen
    current_runtime().instances[storage] = previous


def stored_keys(backend: Any) -> set[str]:
    """The keys of all objects in a backend."""
    if isinstance(backend, LocalStorage):
        return {path.name for path in backend.root.rglob("*") if path.is_file()}
    listed = backend._client.list_objects_v2(Bucket=backend.bucket.name).get("Contents", ())
    return {item["Key"].removeprefix(backend.bucket.prefix) for item in listed}


Send = Callable[..., TestResponse]


@pytest.fixture
def send(client: FlaskClient) -> Send:
    """Upload a file as a form: `send(user, b"...", name="a.txt", visibility="PUBLIC")`."""

    def send(user: SignedIn, content: bytes, *, name: str = "a.txt", **fields: str) -> TestResponse:
        # Not by the test client, which leaves the temporary files of large forms open.
        body, content_type = encode_multipart_formdata({"file": (name, content), **fields})
        return client.post("/api/v1/files", data=body, content_type=content_type, headers=user.headers)

    return send


@pytest.fixture
def download(client: FlaskClient) -> Send:
    """Download the content of a file, also from S3: `download(user, file_id, Range="bytes=0-1")`."""

    def download(user: SignedIn | None, file_id: str, *, query: str = "", **headers: str) -> Any:
        path = f"/api/v1/files/{file_id}/content{query}"
        response = client.get(path, headers={**(user.headers if user else {}), **headers})
        return requests.get(response.location, headers=headers, timeout=10) if response.status_code == 302 else response

    return download


def clean(backend: Any) -> None:
    """Do what clock and worker do with objects that are to be removed: then storage has just the objects with rows."""
    db.session.remove()
    for object_id in cleanup.removable(1000):
        cleanup.remove(object_id)
    db.session.remove()
    assert stored_keys(backend) == {key.hex for key in db.session.scalars(select(StoredObject.id))}


@pytest.fixture
def limits(app: Flask) -> Iterator[Callable[..., None]]:
    """Change settings for one test."""
    runtime = current_runtime()
    before = runtime.settings

    def change(**values: object) -> None:
        runtime.settings = replace(before, **values)

    yield change
    runtime.settings = before
