"""A worker process that processes one object, as an actor does.

python -m tests.files.scanning_process DATABASE_URL REDIS_URL FOLDER CLAMAV_URL OBJECT_ID
"""

from __future__ import annotations

import sys
from uuid import UUID

from heidi_common.app import base_app
from heidi_services import SERVICES  # noqa: F401  # the tables of all services
from heidi_services.files.service import processing
from tests.conftest import make_settings


def main(database_url: str, redis_url: str, folder: str, clamav_url: str, object_id: str) -> None:
    settings = make_settings(database_url, redis_url, files_path=folder, clamav_url=clamav_url)
    with base_app(settings, "files").app_context():
        processing.process(UUID(object_id))


if __name__ == "__main__":
    main(*sys.argv[1:])
