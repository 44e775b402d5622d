"""The tests themselves: warnings are errors, and no connection leaves this machine."""

from __future__ import annotations

import socket
import warnings

import pytest
from pytest_socket import SocketConnectBlockedError


@pytest.mark.parametrize("category", [DeprecationWarning, ResourceWarning, UserWarning])
def test_a_warning_is_an_error(category: type[Warning]) -> None:
    with pytest.raises(category):
        warnings.warn("a warning", category, stacklevel=1)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "10.0.0.1", "heidi.invalid"])
@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_a_connection_beyond_this_machine_is_refused(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as client, pytest.raises(SocketConnectBlockedError):
        client.connect((host, 80))


def test_a_connection_to_this_machine_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
