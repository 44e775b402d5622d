"""Client certificates of outgoing calls (mutual TLS)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key


@dataclass(frozen=True)
class ClientCertificate:
    """A certificate, followed by its intermediate certificates, and its private key without a password; both in PEM."""

    chain: str
    key: str = field(repr=False)

    def error(self, now: datetime) -> str | None:
        """Why the certificate cannot be used at `now`, or None."""
        try:
            certificate = self.parse()
            key = load_pem_private_key(self.key.encode(), password=None)
        except (ValueError, TypeError, IndexError):
            return "Must be a certificate and its private key without a password, both in PEM."
        if key.public_key() != certificate.public_key():
            return "The private key does not belong to the certificate."
        return "The certificate has expired." if certificate.not_valid_after_utc <= now.astimezone(UTC) else None

    def parse(self) -> x509.Certificate:
        """The client's own certificate. Raises ValueError if the chain is not PEM."""
        return x509.load_pem_x509_certificates(self.chain.encode())[0]

    def load_into(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """Make a context present the certificate. OpenSSL reads files only: this one is private and temporary."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "client.pem"
            file.touch(mode=0o600)
            file.write_text(f"{self.chain}\n{self.key}\n")
            context.load_cert_chain(file)
        return context
