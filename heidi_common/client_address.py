"""The client's address comes from our router alone: `X-Forwarded-For` counts only when a trusted proxy sent it."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from heidi_common.config import Network

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class ClientAddress:
    """WSGI middleware. The router overwrites the header with the one address it saw; the last entry is taken."""

    def __init__(self, app: WSGIApplication, trusted: Iterable[Network]) -> None:
        self.app, self.trusted = app, tuple(trusted)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        if forwarded and self._trusts(environ.get("REMOTE_ADDR", "")) and _is_address(forwarded):
            environ["REMOTE_ADDR"] = forwarded
        return self.app(environ, start_response)

    def _trusts(self, peer: str) -> bool:
        """A Unix socket has no address: only the machine's own router can be there."""
        return not peer or any(ip_address(peer) in network for network in self.trusted)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
