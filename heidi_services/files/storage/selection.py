"""The selected backend."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from heidi_common.config.sections.processes import home_folder
from heidi_common.config.settings import Settings
from heidi_common.runtime import per_app
from heidi_services.files.storage.base import Storage
from heidi_services.files.storage.local import LocalStorage


def make_storage(settings: Settings) -> Storage:
    """Create the backend that FILES_URL or FILES_PATH selects."""
    url = settings.files_url
    if url.startswith("s3:"):
        # Imported here because AWS's SDK takes 30 MB of memory.
        from heidi_services.files.storage.s3 import Bucket, S3Storage

        return S3Storage(Bucket.from_url(url), settings.files_access_key_id, settings.files_secret_access_key)
    if url:
        return LocalStorage(Path(unquote(urlsplit(url).path)))
    return LocalStorage(Path(settings.files_path) if settings.files_path else home_folder() / "files")


@per_app
def storage(settings: Settings) -> Storage:
    """The backend of the current app."""
    return make_storage(settings)
