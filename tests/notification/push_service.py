"""A push service for Chromium, with the wire formats of Google's, which cannot be reached from tests.

Towards the browser: check-in (protobuf over HTTP), registration (a form), and MCS, the connection over which messages
arrive. Towards senders: RFC 8030, with the rejections of RFC 8292. It passes messages on as they are: only the browser
has the key that decrypts them.

Source: the protocol buffers `checkin.proto`, `android_checkin.proto` and `mcs.proto` of Chromium (google_apis/gcm).
"""

from __future__ import annotations

import base64
import hashlib
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from uuid import uuid4

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from werkzeug import Request, Response

from heidi_common.crypto import base64url
from tests.served_app import served

PATH = "/fcm/send/"
"""What comes before the token in the endpoints that Chromium makes. Their host cannot be configured."""
ANDROID_ID, SECURITY_TOKEN = 4711, 4712
_MCS_VERSION = 41
_PING, _PING_ACK, _LOGIN, _LOGIN_RESPONSE, _DATA = 0, 1, 2, 3, 8


@dataclass
class Registration:
    """A subscription: what the browser has sent to get its token."""

    form: dict[str, str]

    @property
    def server_key(self) -> bytes:
        """The public key of the sender (`applicationServerKey`)."""
        return base64url.decode(self.form["sender"])

    @property
    def app(self) -> str:
        """The name of the service worker in the browser."""
        return self.form.get("X-subtype", self.form["app"])


@dataclass
class PushService:
    """The state of the service. `url` is that of its HTTP server, `mcs_url` that of the connection for messages."""

    url: str = ""
    mcs_url: str = ""
    certificate_hash: str = ""
    registrations: dict[str, Registration] = field(default_factory=dict)
    accepted: list[Request] = field(default_factory=list)
    connections: list[ssl.SSLSocket] = field(default_factory=list)
    connected: threading.Event = field(default_factory=threading.Event)
    stanzas: list[bytes] = field(default_factory=list)

    @property
    def switches(self) -> list[str]:
        """The command line switches with which Chromium uses this service instead of Google's."""
        return [
            f"--gcm-checkin-url={self.url}/checkin",
            f"--gcm-registration-url={self.url}/c2dm/register3",
            f"--gcm-mcs-endpoint={self.mcs_url}",
            f"--ignore-certificate-errors-spki-list={self.certificate_hash}",
        ]

    def __call__(self, environ: dict[str, object], start_response: Callable[..., object]) -> object:
        request = Request(environ)
        request.get_data()
        respond = {"/checkin": self._check_in, "/c2dm/register3": self._register}.get(request.path, self._push)
        return respond(request)(environ, start_response)

    def _check_in(self, _request: Request) -> Response:
        now = int(datetime.now(UTC).timestamp() * 1000)
        identity = _fixed64(7, ANDROID_ID) + _fixed64(8, SECURITY_TOKEN)
        return Response(_number(1, 1) + _number(3, now) + identity, mimetype="application/x-protobuf")

    def _register(self, request: Request) -> Response:
        if request.headers.get("Authorization") != f"AidLogin {ANDROID_ID}:{SECURITY_TOKEN}":
            return Response("Error=AUTHENTICATION_FAILED", status=401)
        if request.form.get("delete") == "true":
            self._forget(request.form.get("X-subtype", request.form["app"]))
            return Response(f"deleted={request.form['app']}")
        token = f"{uuid4().hex}:heidi"
        self.registrations[token] = Registration(request.form.to_dict())
        return Response(f"token={token}")

    def _forget(self, app: str) -> None:
        """End the subscriptions of an app, as the browser names a service worker here."""
        for token, registration in list(self.registrations.items()):
            if registration.app == app:
                del self.registrations[token]

    def _push(self, request: Request) -> Response:
        """Accept a message as RFC 8030 says, and pass it on."""
        registration = self.registrations.get(request.path.removeprefix(PATH))
        if registration is None:
            return Response("unknown subscription", status=404)
        if not request.headers.get("TTL", "").isdecimal() or request.headers.get("Content-Encoding") != "aes128gcm":
            return Response("TTL and the content encoding aes128gcm are required", status=400)
        if problem := self._authorization_problem(request, registration):
            return Response(problem, status=403)
        self.accepted.append(request)
        self._deliver(registration, request.get_data())
        return Response("", status=201, headers={"Location": f"{self.url}/message/{uuid4()}"})

    def _authorization_problem(self, request: Request, registration: Registration) -> str | None:
        """What RFC 8292 finds wrong: the token must be signed with the key of the subscription, for this host."""
        parts = dict(
            item.strip().split("=", 1) for item in request.headers["Authorization"].removeprefix("vapid ").split(",")
        )
        if base64url.decode(parts["k"].rstrip("=")) != registration.server_key:
            return "the key is not the applicationServerKey of the subscription"
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), registration.server_key)
        try:
            claims = jwt.decode(parts["t"], key, algorithms=["ES256"], audience=self.url)
        except jwt.InvalidTokenError as error:
            return str(error)
        lifetime = datetime.fromtimestamp(claims["exp"], UTC) - datetime.now(UTC)
        return None if lifetime <= timedelta(hours=24) else "the token is valid for more than 24 hours"

    def _deliver(self, registration: Registration, body: bytes) -> None:
        form = registration.form
        data = {"content-encoding": "aes128gcm", "subtype": registration.app}
        app_data = b"".join(_text(7, _text(1, name) + _text(2, value)) for name, value in data.items())
        stanza = _text(2, uuid4().hex) + _text(3, form["sender"]) + _text(5, form["app"]) + app_data
        stanza += _text(9, uuid4().hex) + _number(17, 60) + _text(21, body)
        self.stanzas.append(stanza)
        for connection in list(self.connections):
            with suppress(OSError):  # the browser connects again, and receives it then
                connection.sendall(_frame(_DATA, stanza))


def _varint(value: int) -> bytes:
    encoded = b""
    while value > 0x7F:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _fixed64(number: int, value: int) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<Q", value)


def _text(number: int, value: str | bytes) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _frame(tag: int, payload: bytes) -> bytes:
    return bytes([tag]) + _varint(len(payload)) + payload


class _Mcs(socketserver.BaseRequestHandler):
    """One connection of a browser: it logs in, sends heartbeats, and gets messages."""

    server: _McsServer

    def handle(self) -> None:
        try:
            self._read_exactly(1)  # the version of the protocol
            while True:
                tag = self._read_exactly(1)[0]
                self._read_exactly(self._read_varint())
                if tag == _LOGIN:
                    now = int(datetime.now(UTC).timestamp() * 1000)
                    response = _frame(_LOGIN_RESPONSE, _text(1, "chromium") + _number(8, now))
                    self.request.sendall(bytes([_MCS_VERSION]) + response)
                    for stanza in list(self.server.service.stanzas):
                        self.request.sendall(_frame(_DATA, stanza))
                    self.server.service.connections.append(self.request)
                    self.server.service.connected.set()
                elif tag == _PING:
                    self.request.sendall(_frame(_PING_ACK, b""))
        except (OSError, EOFError):
            pass
        finally:
            if self.request in self.server.service.connections:
                self.server.service.connections.remove(self.request)

    def _read_exactly(self, number: int) -> bytes:
        content = b""
        while len(content) < number:
            chunk = self.request.recv(number - len(content))
            if not chunk:
                raise EOFError
            content += chunk
        return content

    def _read_varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._read_exactly(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value


class _McsServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, service: PushService, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Mcs)
        self.service, self._context = service, context

    def get_request(self) -> tuple[ssl.SSLSocket, object]:
        connection, address = super().get_request()
        return self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that ends a connection is no error."""


@contextmanager
def running(folder: Path) -> Iterator[PushService]:
    """Run a push service on loopback ports."""
    service = PushService()
    context, service.certificate_hash = _tls_context(folder)
    with ExitStack() as stack:
        service.url = stack.enter_context(served(service))  # type: ignore[arg-type]
        server = stack.enter_context(_McsServer(service, context))
        service.mcs_url = f"https://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
            for connection in list(service.connections):
                connection.shutdown(socket.SHUT_RDWR)


def _tls_context(folder: Path) -> tuple[ssl.SSLContext, str]:
    """A TLS context with a new certificate, and the hash of its key as Chromium's switch wants it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "push-service.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return context, base64.b64encode(hashlib.sha256(public).digest()).decode()
