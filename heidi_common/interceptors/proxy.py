"""The IP address of the client, from `X-Forwarded-For` of trusted proxies (TRUSTED_PROXIES) only."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from heidi_common.config.parsers import Network

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


MAPPED = "::ffff:"
"""The prefix of an IPv4 address on a socket that listens for IPv4 and IPv6."""


class ClientAddress:
    """WSGI middleware that sets REMOTE_ADDR to the address of the client.

    The router overwrites the header with the address of its peer. Of several entries the last one is used: it was
    written by the nearest proxy.

    Args:
        app: The application.
        trusted: Networks of the proxies whose header is used.
    """

    def __init__(self, app: WSGIApplication, trusted: Iterable[Network]) -> None:
        self.app, self.trusted = app, tuple(trusted)
        # The peers are a few routers; parsing their addresses takes longer than the rest.
        self._trusts = lru_cache(maxsize=1024)(self._is_trusted)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        if forwarded and self._trusts(environ.get("REMOTE_ADDR", "")) and _is_address(forwarded):
            environ["REMOTE_ADDR"] = forwarded
        if environ.get("REMOTE_ADDR", "").startswith(MAPPED):
            environ["REMOTE_ADDR"] = str(_plain(environ["REMOTE_ADDR"]))
        return self.app(environ, start_response)

    def _is_trusted(self, peer: str) -> bool:
        """A peer at a Unix socket has no address; only the router on the same machine can connect to it."""
        return not peer or any(_plain(peer) in network for network in self.trusted)


def _plain(text: str) -> IPv4Address | IPv6Address:
    address = ip_address(text)
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


@lru_cache(maxsize=1024)
def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
