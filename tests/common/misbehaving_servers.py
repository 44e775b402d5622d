"""Servers that violate HTTP in ways that no HTTP library would."""

import datetime
import socket
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class RawServer:
    """Sends `response` up to `responses` times on each connection, whenever it has received data.

    After that it sends a byte every `drip` seconds, up to 400 of them, or closes the connection.
    """

    def __init__(self, response: bytes, *, responses: int = 1, drip: float | None = None) -> None:
        self.response, self.responses, self.drip = response, responses, drip
        self.connections = 0
        self._stop = threading.Event()
        self._connection: socket.socket | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._connection = connection
            with connection:
                self._respond(connection)

    def _respond(self, connection: socket.socket) -> None:
        try:
            for _ in range(self.responses):
                if not connection.recv(65536):
                    return
                connection.sendall(self.response)
            for _ in range(400 if self.drip else 0):
                if self._stop.wait(self.drip):
                    return
                connection.sendall(b"X")
        except OSError:
            return

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._connection is not None:
            with suppress(OSError):  # a client may keep it open without using it again
                self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()


def create_certificate(folder: Path, name: str) -> Path:
    """Create a self-signed certificate for `name` and its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{name}.pem"
    path.write_bytes(cert.public_bytes(serialization.Encoding.PEM) + secret)
    return path
