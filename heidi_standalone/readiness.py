"""Whether something answers over HTTP."""

import http.client

SECONDS = 5


def answers(port: int, path: str) -> bool:
    """Whether ``GET path`` on this machine is a 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
