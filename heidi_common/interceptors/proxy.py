"""The client's address comes from our router alone: `X-Forwarded-For` counts only when a trusted proxy sent it."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from heidi_common.config.parsers import Network

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


MAPPED = "::ffff:"
"""How an IPv4 address is written by a socket that listens for both kinds."""


class ClientAddress:
    """WSGI middleware. The router overwrites the header with the one address it saw; the last entry is taken."""

    def __init__(self, app: WSGIApplication, trusted: Iterable[Network]) -> None:
        self.app, self.trusted = app, tuple(trusted)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        if forwarded and self._trusts(environ.get("REMOTE_ADDR", "")) and _is_address(forwarded):
            environ["REMOTE_ADDR"] = forwarded
        if environ.get("REMOTE_ADDR", "").startswith(MAPPED):
            environ["REMOTE_ADDR"] = str(_plain(environ["REMOTE_ADDR"]))
        return self.app(environ, start_response)

    def _trusts(self, peer: str) -> bool:
        """A Unix socket has no address: only the machine's own router can be there."""
        return not peer or any(_plain(peer) in network for network in self.trusted)


def _plain(text: str) -> IPv4Address | IPv6Address:
    found = ip_address(text)
    return (found.ipv4_mapped if isinstance(found, IPv6Address) else None) or found


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
