"""A client that uploads a file by tus and continues after every error.

    python -m tests.files.tus_sender URL TOKEN PATH

`URL` is that of the upload. The client remembers nothing: a new process continues where the service says.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

CHUNK_BYTES = 256 * 1024
PAUSE_SECONDS = 0.01
"""Between two chunks, so that there is time to kill somebody."""


def send(url: str, token: str, path: Path) -> None:
    size = path.stat().st_size
    client = TusClient(url.rpartition("/")[0], {"Authorization": token})
    with path.open("rb") as file:
        while True:
            try:
                uploader = client.uploader(file_stream=file, chunk_size=CHUNK_BYTES, url=url)
                while uploader.offset < size:
                    uploader.upload_chunk()
                    time.sleep(PAUSE_SECONDS)
                return
            except (TusCommunicationError, requests.RequestException):
                time.sleep(0.1)


if __name__ == "__main__":
    send(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
