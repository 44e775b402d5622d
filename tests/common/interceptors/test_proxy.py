"""Where a request comes from: what the router says, if it is the router that says it."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from heidi_common.interceptors.proxy import ClientAddress


def seen(peer: str | None, forwarded: str | None = None) -> str:
    """The address that the app behind it gets."""
    environ: dict[str, Any] = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded is not None else {}
    environ |= {"REMOTE_ADDR": peer} if peer is not None else {}
    ClientAddress(lambda *_: [], (ip_network("127.0.0.0/8"),))(environ, lambda *_: None)  # type: ignore[arg-type,return-value]
    return str(environ.get("REMOTE_ADDR"))


@pytest.mark.parametrize("router", ["127.0.0.1", "::ffff:127.0.0.1", "", None])
def test_the_router_says_who_asks(router: str | None) -> None:
    assert seen(router, "198.51.100.7") == "198.51.100.7"
    assert seen(router, "1.2.3.4, 198.51.100.7") == "198.51.100.7"
    assert seen(router, "::ffff:198.51.100.7") == "198.51.100.7" == seen(router, "::ffff:c633:6407")


@pytest.mark.parametrize("stranger", ["198.51.100.9", "2001:db8::1"])
def test_nobody_else_does(stranger: str) -> None:
    assert seen(stranger, "127.0.0.1") == stranger


@pytest.mark.parametrize("forwarded", ["", "unknown", "127.0.0.1:80", "'; --"])
def test_what_is_no_address_changes_nothing(forwarded: str) -> None:
    assert seen("127.0.0.1", forwarded) == "127.0.0.1"


def test_where_nobody_says_anything_there_is_no_address() -> None:
    assert seen(None) == "None"


def test_an_ipv4_address_is_one_whichever_socket_it_came_to() -> None:
    assert seen("::ffff:198.51.100.9") == "198.51.100.9"
