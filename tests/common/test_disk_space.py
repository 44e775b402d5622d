"""Changes are rejected while the disk is full; reads and the database's own error are handled as well."""

import errno
import os
from pathlib import Path

import psycopg2.errors
import pytest
from flask import Flask
from sqlalchemy import exc, text

from heidi_common.database import disk_space
from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.interceptors import error_handlers
from heidi_common.problems import InsufficientStorage
from heidi_common.server import disk_guard
from heidi_common.server.disk_guard import MIN_FREE_BYTES, RESERVE, DiskGuard
from heidi_standalone.home.disk_reserve import NEEDED_BYTES, DiskReserve


@pytest.mark.parametrize(
    ("free", "has_reserve", "is_full"),
    [
        (0, True, True),
        (MIN_FREE_BYTES - 1, True, True),
        (MIN_FREE_BYTES, True, False),
        (10**12, True, False),
        (10**12, False, True),
    ],
)
def test_the_disk_is_full_without_free_space_or_without_the_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, has_reserve: bool, is_full: bool
) -> None:
    monkeypatch.setattr(disk_guard, "free_bytes", lambda _: free)
    if has_reserve:
        (tmp_path / RESERVE).touch()
    assert DiskGuard(str(tmp_path)).is_full == is_full


@pytest.mark.parametrize("folder", ["", "/nowhere/at/all", "/dev/null/x"])
def test_without_a_readable_folder_nothing_is_rejected(folder: str) -> None:
    assert not DiskGuard(folder).is_full


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_requests_that_change_something_are_rejected(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, method: str
) -> None:
    monkeypatch.setattr(disk_space, "disk_guard", lambda: DiskGuard(str(tmp_path)))  # it has no reserve
    change = CompiledStatement(text("SELECT 1 AS one"), changes=True)
    with app.test_request_context("/", method=method):
        with pytest.raises(InsufficientStorage), transaction():
            pytest.fail("not reached")
        with pytest.raises(InsufficientStorage):
            change.all()
        assert CompiledStatement(text("SELECT 1 AS one")).all()[0].one == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_requests_that_read_and_background_work_are_not_interrupted(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, method: str
) -> None:
    monkeypatch.setattr(disk_space, "disk_guard", lambda: DiskGuard(str(tmp_path)))
    with app.test_request_context("/", method=method), transaction():
        assert db.session.execute(text("SELECT 1")).scalar_one() == 1
    with app.app_context(), transaction():
        assert db.session.execute(text("SELECT 1")).scalar_one() == 1


@pytest.mark.parametrize("kind", [exc.OperationalError, exc.DBAPIError, exc.InternalError])
def test_the_databases_own_error_becomes_507_with_the_reason(app: Flask, kind: type[exc.DBAPIError]) -> None:
    class DiskFull(psycopg2.errors.DiskFull):
        pgcode = "53100"

    with app.test_request_context("/"):
        response = error_handlers._database(kind("INSERT", {}, DiskFull()))
    body = response.get_json()
    assert (response.status_code, body["code"], "disk" in body["detail"]) == (507, "disk_full", True)
    assert int(response.headers["Retry-After"]) > 0


def test_the_reserve_is_given_only_to_a_database_that_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    free = [NEEDED_BYTES]
    monkeypatch.setattr("heidi_standalone.home.disk_reserve.free_bytes", lambda _: free[0])
    reserve = DiskReserve(tmp_path)
    reserve.watch(lambda: True)
    assert reserve.file.stat().st_blocks * 512 >= disk_guard.RESERVE_BYTES
    free[0] = 0
    for _ in range(3):
        reserve.watch(lambda: True)
    assert reserve.file.exists()
    reserve.watch(lambda: False)
    assert not reserve.file.exists()
    free[0] = NEEDED_BYTES - 1
    reserve.watch(lambda: True)
    assert not reserve.file.exists()
    free[0] = NEEDED_BYTES
    reserve.watch(lambda: True)
    assert reserve.file.exists()
    printed = capsys.readouterr().out.splitlines()
    assert ["is full" in line for line in printed] == [True, False]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_reserve_that_cannot_be_created_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail(_descriptor: int, _size: int) -> None:
        raise OSError(code, os.strerror(code))

    reserve = DiskReserve(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("heidi_standalone.home.disk_reserve.allocate", fail)
        reserve.watch(lambda: True)
    assert list(tmp_path.iterdir()) == []
    reserve.watch(lambda: True)
    assert reserve.file.exists()


@pytest.mark.parametrize("size", [0, 1, disk_guard.RESERVE_BYTES - 1])
def test_an_incomplete_reserve_is_completed(tmp_path: Path, size: int) -> None:
    reserve = DiskReserve(tmp_path)
    reserve.file.write_bytes(bytes(size))
    reserve.watch(lambda: True)
    assert reserve.file.stat().st_size == disk_guard.RESERVE_BYTES
