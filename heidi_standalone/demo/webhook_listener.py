"""The two ends of the webhook demonstration: a receiver, as an integrator would write it, and a sender like Stripe."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

TOLERANCE_SECONDS = 300


@dataclass(frozen=True)
class ReceivedWebhook:
    """A request that the receiver has accepted; the names of its headers are in lower case."""

    headers: dict[str, str]
    body: bytes

    def data(self) -> dict[str, Any]:
        """Parse the body."""
        data: dict[str, Any] = json.loads(self.body)
        return data

    def is_signed_with(self, secret: str) -> bool:
        """Verify the signature.

        Source: Standard Webhooks 1.0: base64(HMAC-SHA256(key, "id.timestamp.body")); one `v1` signature must match.
        """
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        is_recent = abs(time.time() - int(self.headers["webhook-timestamp"])) < TOLERANCE_SECONDS
        signatures = self.headers["webhook-signature"].split()
        return is_recent and any(hmac.compare_digest(expected.encode(), sent.encode()) for sent in signatures)


@contextmanager
def listen() -> Iterator[tuple[str, list[ReceivedWebhook]]]:
    """Run a receiver on this machine; yield its URL and the list of webhooks that it fills."""
    received: list[ReceivedWebhook] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            received.append(ReceivedWebhook({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Do not log to the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", received
    finally:
        server.shutdown()
        server.server_close()


def stripe_signature(secret: str, body: bytes, now: int) -> str:
    """Build the value of `Stripe-Signature`. The key is the whole `whsec_...` string."""
    digest = hmac.new(secret.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={now},v1={digest}"
