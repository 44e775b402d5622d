"""How long GraphQL takes to reject queries beyond its limits: `python -m benchmarks.rejected_queries`.

The platform of `make run` must be running. Prints median and maximum of the time within core, from `Server-Timing`.
"""

from __future__ import annotations

import re
import statistics

from heidi_standalone.api_client import TIMEOUT_SECONDS, ApiClient
from heidi_standalone.target import RunningPlatform

REPEATS = 30
QUERIES = {
    "1,000 aliases": "{" + " ".join(f"a{number}: me {{ id }}" for number in range(1000)) + "}",
    "circular fragments": "{ me { ...A } } fragment A on UserNode { ...B } fragment B on UserNode { ...A }",
    "20 levels": "{ me " + "{ notifications { nodes { user " * 7 + "{ id }" + "} } }" * 7 + "}",
    "cost of a million": "{ users(first: 100) { nodes { notifications(first: 100) { nodes { attempts } } } } }",
    "100,000 characters": "{ me { id } } #" + "x" * 100_000,
}


def main() -> None:
    """Measure, and print a line for each kind of query."""
    platform = RunningPlatform.from_env()
    api = ApiClient(platform.base_url).sign_in(*platform.admin_credentials())
    for name, query in QUERIES.items():
        times = [_rejection_ms(api, query) for _ in range(REPEATS)]
        print(f"{name:22} median {statistics.median(times):5.1f} ms, maximum {max(times):5.1f} ms")


def _rejection_ms(api: ApiClient, query: str) -> float:
    response = api.session.post(f"{api.base_url}/api/v1/graphql", json={"query": query}, timeout=TIMEOUT_SECONDS)
    assert response.status_code == 422 or "data" not in response.json(), "the query was executed"
    duration = re.search(r"app;dur=([0-9.]+)", response.headers["Server-Timing"])
    assert duration is not None
    return float(duration[1])


if __name__ == "__main__":
    main()
