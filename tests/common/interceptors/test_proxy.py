"""The address of a client: from X-Forwarded-For of the router, and of no other peer."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from heidi_common.interceptors.proxy import ClientAddress


def client_address(peer: str | None, forwarded: str | None = None) -> str:
    """The address that the app behind the middleware gets."""
    environ: dict[str, Any] = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded is not None else {}
    environ |= {"REMOTE_ADDR": peer} if peer is not None else {}
    ClientAddress(lambda *_: [], (ip_network("127.0.0.0/8"),))(environ, lambda *_: None)  # type: ignore[arg-type,return-value]
    return str(environ.get("REMOTE_ADDR"))


@pytest.mark.parametrize("router", ["127.0.0.1", "::ffff:127.0.0.1", "", None])
def test_the_header_of_the_router_is_used(router: str | None) -> None:
    assert client_address(router, "198.51.100.7") == "198.51.100.7"
    assert client_address(router, "1.2.3.4, 198.51.100.7") == "198.51.100.7"
    assert client_address(router, "::ffff:198.51.100.7") == "198.51.100.7" == client_address(router, "::ffff:c633:6407")


@pytest.mark.parametrize("peer", ["198.51.100.9", "2001:db8::1"])
def test_the_header_of_another_peer_is_ignored(peer: str) -> None:
    assert client_address(peer, "127.0.0.1") == peer


@pytest.mark.parametrize("forwarded", ["", "unknown", "127.0.0.1:80", "'; --"])
def test_a_header_without_an_address_is_ignored(forwarded: str) -> None:
    assert client_address("127.0.0.1", forwarded) == "127.0.0.1"


def test_without_peer_and_header_there_is_no_address() -> None:
    assert client_address(None) == "None"


def test_an_ipv4_address_is_the_same_on_every_kind_of_socket() -> None:
    assert client_address("::ffff:198.51.100.9") == "198.51.100.9"
