"""TLS and SASL in front of librdkafka's mock cluster, which has neither, in Kafka's wire format.

Each broker gets a listener at 127.0.0.2 with the same port. Responses name the brokers by their host 127.0.0.1; the
front replaces it by its own, which has the same length. It answers the requests of SASL itself (PLAIN).

Sources: KIP-43 and KIP-152 (SASL), KIP-511 (ApiVersions), the Kafka protocol guide.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

HOST, BROKER_HOST = "127.0.0.2", "127.0.0.1"
API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE = 18, 17, 36
UNSUPPORTED_SASL_MECHANISM, UNSUPPORTED_VERSION, AUTHENTICATION_FAILED = 33, 35, 58
MECHANISM = b"PLAIN"
MAX_FRAME = 104_857_600
"""The default of Kafka's `socket.request.max.bytes`."""


class Front:
    """A listener for each broker.

    Args:
        servers: The brokers of the mock cluster, as in KAFKA_URL.
        context: The context of TLS; None for plain text.
        password: The expected user and password, joined by a colon; None if clients need not sign in.
    """

    def __init__(self, servers: str, context: ssl.SSLContext | None, password: str | None = None) -> None:
        self.context = context
        self.token = None if password is None else b"\0" + password.replace(":", "\0", 1).encode()
        self.ports = [int(server.rpartition(":")[2]) for server in servers.split(",")]
        self.url = ",".join(f"{HOST}:{port}" for port in self.ports)
        self.signed_in = 0

    def serve(self, port: int, listener: socket.socket) -> None:
        """Accept connections until the listener is closed."""
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve_client, args=(port, listener.accept()[0]), daemon=True).start()

    def _serve_client(self, port: int, plain: socket.socket) -> None:
        with suppress(OSError, EOFError), ExitStack() as stack:
            stack.enter_context(closing(plain))
            client = self.context.wrap_socket(plain, server_side=True) if self.context else plain
            stack.enter_context(closing(client))
            broker = stack.enter_context(socket.create_connection((BROKER_HOST, port)))
            is_signed_in = self.token is None
            while True:
                frame = read_frame(client)
                key, version, correlation = struct.unpack_from(">hhi", frame)
                if self.token is not None and key == API_VERSIONS:
                    answer = api_versions(broker, frame, version, correlation)
                elif self.token is not None and key == SASL_HANDSHAKE:
                    answer = handshake(frame, correlation)
                elif self.token is not None and key == SASL_AUTHENTICATE:
                    is_signed_in = frame.endswith(self.token)
                    self.signed_in += is_signed_in
                    answer = authenticated(correlation, is_signed_in)
                else:
                    assert is_signed_in, f"the request {key} was sent before signing in"
                    broker.sendall(packed(frame))
                    answer = read_frame(broker).replace(BROKER_HOST.encode(), HOST.encode())
                client.sendall(packed(answer))


def api_versions(broker: socket.socket, frame: bytes, version: int, correlation: int) -> bytes:
    """What the broker supports, and SASL. Only version 0, whose format is plain; others are refused as KIP-511 says."""
    if version > 0:
        return struct.pack(">ihi", correlation, UNSUPPORTED_VERSION, 0)
    broker.sendall(packed(frame))
    answer = read_frame(broker)
    (count,) = struct.unpack_from(">i", answer, 6)
    added = struct.pack(">hhhhhh", SASL_HANDSHAKE, 0, 1, SASL_AUTHENTICATE, 0, 0)
    return answer[:6] + struct.pack(">i", count + 2) + answer[10 : 10 + count * 6] + added


def handshake(frame: bytes, correlation: int) -> bytes:
    """Accept the mechanism PLAIN."""
    error = 0 if frame.endswith(MECHANISM) else UNSUPPORTED_SASL_MECHANISM
    return struct.pack(">ihih", correlation, error, 1, len(MECHANISM)) + MECHANISM


def authenticated(correlation: int, is_signed_in: bool) -> bytes:
    """Accept or reject the password."""
    if is_signed_in:
        return struct.pack(">ihhi", correlation, 0, -1, 0)
    reason = b"Authentication failed: Invalid username or password"
    return struct.pack(">ihh", correlation, AUTHENTICATION_FAILED, len(reason)) + reason + struct.pack(">i", 0)


def packed(frame: bytes) -> bytes:
    return struct.pack(">i", len(frame)) + frame


def read_frame(connection: socket.socket) -> bytes:
    """Read a request or a response.

    Raises:
        EOFError: The connection was closed, or must be: what is received is no frame, such as the beginning of TLS.
    """
    (length,) = struct.unpack(">i", read_exactly(connection, 4))
    if not 0 < length <= MAX_FRAME:
        raise EOFError
    return read_exactly(connection, length)


def read_exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (chunk := connection.recv(count - len(data))):
            raise EOFError
        data += chunk
    return data


@contextmanager
def running(front: Front) -> Iterator[Front]:
    """Serve a front."""
    with ExitStack() as stack:
        for port in front.ports:
            listener = stack.enter_context(socket.create_server((HOST, port)))
            stack.callback(listener.shutdown, socket.SHUT_RDWR)  # ends `accept`
            threading.Thread(target=front.serve, args=(port, listener), daemon=True).start()
        yield front
