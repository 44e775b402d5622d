"""What `flask doctor` finds out about storage and the virus scanner."""

from __future__ import annotations

from pathlib import Path

import pytest

from heidi_services.files.antivirus import ScanFailed
from heidi_services.files.cli.checks import checks
from heidi_services.files.storage import StorageError
from heidi_services.files.storage.s3 import S3Storage
from tests.conftest import make_settings
from tests.files.conftest import stored_keys
from tests.ports import free_port


def test_storage_is_written_and_left_empty(tmp_path: Path) -> None:
    settings = make_settings("", "", files_path=str(tmp_path / "files"))
    (check,) = checks(settings)
    assert check.required and check.run(settings) == "an object was written, read and deleted"
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a file instead of a folder")
    settings = make_settings("", "", files_path=str(tmp_path / "files"))
    (check,) = checks(settings)
    with pytest.raises(StorageError, match="Not a directory"):
        check.run(settings)


def test_a_bucket_is_written_and_left_empty(s3: S3Storage) -> None:
    url = f"s3://heidi?endpoint={s3.bucket.endpoint}&prefix=files/"
    settings = make_settings("", "", files_url=url, files_access_key_id="x", files_secret_access_key="y")
    (check,) = checks(settings)
    assert "written" in check.run(settings)
    assert stored_keys(s3) == set()


def test_a_missing_bucket_is_reported(s3: S3Storage) -> None:
    url = f"s3://missing?endpoint={s3.bucket.endpoint}"
    settings = make_settings("", "", files_url=url, files_access_key_id="x", files_secret_access_key="y")
    (check,) = checks(settings)
    with pytest.raises(StorageError, match="NoSuchBucket"):
        check.run(settings)


def test_clamd_is_asked_for_its_version(clamd: str, tmp_path: Path) -> None:
    settings = make_settings("", "", files_path=str(tmp_path), clamav_url=clamd)
    _, check = checks(settings)
    assert not check.required and check.run(settings).startswith("ClamAV ")


def test_an_unavailable_clamd_is_reported(tmp_path: Path) -> None:
    settings = make_settings("", "", files_path=str(tmp_path), clamav_url=f"tcp://127.0.0.1:{free_port()}")
    _, check = checks(settings)
    with pytest.raises(ScanFailed, match="unavailable"):
        check.run(settings)
