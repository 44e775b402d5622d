"""kill -9 at each step of an upload, a deletion and the processing of a file: nothing is lost, nothing remains."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.files.models import File, FileUsage, ResumableUpload, StoredObject
from heidi_services.files.service import cleanup
from heidi_services.files.storage import Storage, storage
from heidi_services.files.storage.local import LocalStorage
from tests.conftest import SignedIn
from tests.files.conftest import EICAR, clean, stored_keys
from tests.files.killed_process import CONTENT
from tests.files.test_processing import photo, work
from tests.gunicorn_server import ROOT
from tests.polling import TIMEOUT_SECONDS

Kill = Callable[..., int]


@pytest.fixture
def kill(app: Flask, database_url: str, redis_url: str) -> Kill:
    """Do something in processes that are killed, each one step later; returns the number of kills."""

    def kill(owner: SignedIn, scenario: str, target: str = "", clamav_url: str = "") -> int:
        arguments = [database_url, redis_url, files_url(storage()), str(owner.user.id), scenario, target, clamav_url]
        command = [sys.executable, "-m", "tests.files.killed_process", *arguments]
        db.session.remove()
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=5 * TIMEOUT_SECONDS)
        assert result.returncode == 0, result.stderr[-3000:]
        return int(result.stdout)

    return kill


def files_url(backend: Any) -> str:
    """The setting FILES_URL of a backend."""
    if isinstance(backend, LocalStorage):
        return backend.root.as_uri()
    return f"s3://{backend.bucket.name}?endpoint={backend.bucket.endpoint}&prefix={backend.bucket.prefix}"


def let_a_day_pass() -> None:
    yesterday = utcnow() - timedelta(days=1)
    with transaction():
        unused = update(StoredObject).where(StoredObject.remove_after.is_not(None))
        db.session.execute(unused.values(remove_after=yesterday))
        db.session.execute(update(ResumableUpload).values(expires_at=yesterday))
    cleanup.delete_expired_uploads()
    with transaction():
        db.session.execute(unused.values(remove_after=yesterday))


def require_consistent(backend: Storage) -> int:
    """Each file has its whole object, no object is left, and the usage is exact; returns the number of files."""
    let_a_day_pass()
    clean(backend)
    rows = list(db.session.scalars(select(File)))
    for row in rows:
        content = b"".join(backend.read(row.object.key))
        assert hashlib.sha256(content).hexdigest() == row.object.sha256 and len(content) == row.object.bytes
    assert stored_keys(backend) == {row.object.key for row in rows}
    stored = select(func.coalesce(func.sum(StoredObject.bytes), 0))
    assert (db.session.scalar(select(FileUsage.bytes)) or 0) == db.session.scalar(stored)
    return len(rows)


@pytest.mark.parametrize(
    ("backend", "scenario", "fewest"),
    [("local", "upload", 6), ("s3", "upload", 6), ("local", "resume", 20)],
    indirect=["backend"],
    ids=["folder", "bucket", "resumable"],
)
def test_an_upload_that_is_killed_at_any_step_leaves_nothing_incomplete(
    backend: Storage, as_user: Any, kill: Kill, scenario: str, fewest: int
) -> None:
    assert kill(as_user(), scenario) >= fewest
    assert require_consistent(backend) >= 1
    assert set(db.session.scalars(select(StoredObject.sha256))) == {hashlib.sha256(CONTENT).hexdigest()}


def test_a_deletion_that_is_killed_at_any_step_is_completed(
    local: LocalStorage, client: Any, as_user: Any, send: Any, kill: Kill
) -> None:
    user = as_user()
    kept = send(user, b"kept").json["data"]["id"]
    file_id = send(user, b"deleted").json["data"]["id"]
    assert kill(user, "delete", file_id) >= 6
    assert require_consistent(local) == 1
    assert client.get(f"/api/v1/files/{kept}", headers=user.headers).status_code == 200


def test_an_image_whose_worker_is_killed_at_any_step_gets_its_renditions_once(
    local: LocalStorage, as_user: Any, send: Any, kill: Kill
) -> None:
    user = as_user()
    send(user, photo("PNG", (300, 200)))
    object_id = db.session.scalar(select(StoredObject.id))
    assert kill(user, "process", str(object_id)) >= 8
    work()
    let_a_day_pass()
    clean(local)
    statement = select(StoredObject.rendition_size).where(StoredObject.source_id == object_id)
    assert sorted(db.session.scalars(statement)) == [128, 512, 1024]
    assert len(stored_keys(local)) == 4


@pytest.mark.parametrize("is_infected", [False, True], ids=["clean", "infected"])
def test_a_scan_whose_worker_is_killed_at_any_step_has_one_result(
    local: LocalStorage, as_user: Any, send: Any, kill: Kill, clamd: str, limits: Any, is_infected: bool
) -> None:
    limits(clamav_url=clamd)
    user = as_user()
    send(user, EICAR if is_infected else b"harmless")
    object_id = db.session.scalar(select(StoredObject.id))
    assert kill(user, "process", str(object_id), clamd) >= 2
    db.session.rollback()
    row = db.session.scalars(select(StoredObject)).one()
    assert row.file_status == ("QUARANTINED" if is_infected else "READY")
    quarantined = select(func.count()).select_from(OutboxEvent).where(OutboxEvent.type == "file.quarantined")
    assert db.session.scalar(quarantined) == is_infected
