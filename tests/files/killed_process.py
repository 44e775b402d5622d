"""Does one thing again and again, each time in a process that is killed (SIGKILL) one step later, until it survives.

    python -m tests.files.killed_process DATABASE_URL REDIS_URL FILES_URL OWNER_ID SCENARIO [TARGET_ID [CLAMAV_URL]]

A step is a commit, or an object that is written to storage or deleted from it: the process is killed before and after
each. Prints the number of kills.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy import event, func, select, update

from heidi_common.app import base_app
from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.jwt.guards import Caller
from heidi_common.problems import NotFound
from heidi_services import SERVICES  # noqa: F401  # the tables of all services
from heidi_services.files.models import FileJob, StoredObject
from heidi_services.files.service import cleanup, files, processing, resumable_uploads, single_upload, upload_append
from heidi_services.files.storage import storage
from heidi_services.files.storage.selection import make_storage
from heidi_services.files.upload_body import UploadBody
from tests.conftest import make_settings

MAX_STEPS = 60
CONTENT = bytes(range(256)) * 1200
"""Five chunks, and for resumable uploads three parts."""


class Steps:
    """Counts steps, and kills this process at one of them."""

    def __init__(self, lethal: int) -> None:
        self.lethal, self.count = lethal, 0

    def take(self, *_: Any) -> None:
        self.count += 1
        if self.count == self.lethal:
            os.kill(os.getpid(), signal.SIGKILL)

    def surround(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def surrounded(*args: Any, **options: Any) -> Any:
            self.take()
            result = function(*args, **options)
            self.take()
            return result

        return surrounded


def upload(owner_id: UUID, _target: UUID | None) -> None:
    chunks = iter(_chunks())
    body = UploadBody(lambda _size: next(chunks, b""), name="a.bin")
    single_upload.store(owner_id, body, reserved_bytes=len(CONTENT), visibility="PRIVATE")


def resume(owner_id: UUID, _target: UUID | None) -> None:
    upload_append.PART_BYTES = len(CONTENT) // 3
    size = len(CONTENT)
    progress = resumable_uploads.create(owner_id, size=size, name="a", content_type=None, visibility="PRIVATE")
    resumable_uploads.append(progress, _chunks(), offset=0, size=size, checksum=None)


def delete(owner_id: UUID, target: UUID | None) -> None:
    assert target is not None
    with suppress(NotFound):
        files.delete(target, Caller({"sub": str(owner_id), "sid": str(owner_id), "role": "USER"}), None)
    for object_id in cleanup.removable(100):
        cleanup.remove(object_id)


def process(_owner_id: UUID, target: UUID | None) -> None:
    assert target is not None
    processing.process(target)
    assert db.session.scalar(select(FileJob.status)) == "DONE"


SCENARIOS = {"upload": upload, "resume": resume, "delete": delete, "process": process}


def _chunks() -> Iterator[bytes]:
    return iter([CONTENT[start : start + 65_536] for start in range(0, len(CONTENT), 65_536)])


def _let_time_pass() -> None:
    """Until removals and the processing of images are due again."""
    with transaction():
        removed = update(StoredObject).where(StoredObject.status == "REMOVING")
        db.session.execute(removed.values(remove_after=func.now()))
        db.session.execute(update(FileJob).values(attempts=0, locked_until=None, next_attempt_at=func.now()))


def run(settings: Settings, scenario: str, owner_id: UUID, target: UUID | None, lethal: int) -> None:
    """Do the thing, and die at a step; return if it has fewer steps."""
    app = base_app(settings, "files")
    with app.app_context():
        _let_time_pass()
        steps, backend = Steps(lethal), storage()
        backend.write = steps.surround(backend.write)  # type: ignore[method-assign]
        backend.delete = steps.surround(backend.delete)  # type: ignore[method-assign]
        event.listen(db.session, "before_commit", steps.take)
        event.listen(db.session, "after_commit", steps.take)
        SCENARIOS[scenario](owner_id, target)


def main(
    database_url: str,
    redis_url: str,
    files_url: str,
    owner_id: str,
    scenario: str,
    target: str = "",
    clamav_url: str = "",
) -> int:
    keys = {"files_access_key_id": "x", "files_secret_access_key": "y"}
    settings = make_settings(database_url, redis_url, files_url=files_url, clamav_url=clamav_url, **keys)
    make_storage(settings)  # what it imports is not imported again by each child
    for lethal in range(1, MAX_STEPS):
        child = os.fork()
        if child == 0:
            run(settings, scenario, UUID(owner_id), UUID(target) if target else None, lethal)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != -signal.SIGKILL:
            print(lethal - 1)
            return status
    raise AssertionError(f"{scenario} has more than {MAX_STEPS} steps")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
