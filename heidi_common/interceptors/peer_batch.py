"""Several reads in one call between services: `POST /internal/batch`, which the router does not pass on.

The service that calls signs the list, so that no client can send one where there is no router. Each read runs through
the whole app, as if it had been sent alone: guard, validation, limits, log and metrics. So a batch can do nothing that
its caller could not do with single requests.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import Context
from typing import Any

import orjson
from flask import Blueprint, Response, current_app, request
from werkzeug.test import EnvironBuilder, run_wsgi_app

from heidi_common.interceptors.strict_json import read_json
from heidi_common.jwt.guards import public
from heidi_common.peers.batches import BATCH_PATH, MAX_READS, is_signed
from heidi_common.problems import BadRequest, NotFound
from heidi_common.runtime import current_state

blueprint = Blueprint("peer-batch", __name__)
_PASSED_HEADERS = ("Authorization", "X-Heidi-Peer", "X-Heidi-On-Behalf-Of", "X-Request-ID")
_NOT_STARTED = {"status": 503, "body": None}


@blueprint.post(BATCH_PATH)
@public
def read_batch() -> Response:
    """Respond to a list of `{"path", "params"}` with a list of `{"status", "body"}` in the same order."""
    reads = read_json(request.get_data())
    if not is_signed(reads, request.headers):
        raise NotFound("No resource exists at this URL.")
    if not isinstance(reads, list) or len(reads) > MAX_READS or not all(map(_is_read, reads)):
        raise BadRequest(f'Send a list of at most {MAX_READS} reads: {{"path": "/api/v1/...", "params": {{}}}}.')
    headers = [(name, request.headers[name]) for name in _PASSED_HEADERS if name in request.headers]
    results = [_read(read, headers) if _has_time() else _NOT_STARTED for read in reads]
    return Response(orjson.dumps(results), mimetype="application/json")


def _is_read(read: Any) -> bool:
    if not isinstance(read, dict) or not isinstance(read.get("params"), dict):
        return False
    path = read.get("path")
    return isinstance(path, str) and path.startswith("/api/")


def _has_time() -> bool:
    return bool(time.monotonic() < current_state().deadline)


def _read(read: Mapping[str, Any], headers: list[tuple[str, str]]) -> dict[str, Any]:
    """Run one read outside of the context of the batch, so that it has its own session and caller."""
    builder = EnvironBuilder(
        read["path"], query_string=read["params"], headers=headers, environ_base={"REMOTE_ADDR": request.remote_addr}
    )
    chunks, status, _ = Context().run(run_wsgi_app, current_app.wsgi_app, builder.get_environ(), buffered=True)
    body = b"".join(chunks)
    return {"status": int(status[:3]), "body": orjson.Fragment(body) if body.startswith(b"{") else None}
