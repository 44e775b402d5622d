"""Readiness of a process that serves HTTP."""

import http.client

TIMEOUT_SECONDS = 5


def is_ready(port: int, path: str) -> bool:
    """Whether `GET path` on a port of this machine returns 200 within `TIMEOUT_SECONDS`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
