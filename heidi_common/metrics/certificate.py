"""The expiry of the certificate that clients see at PUBLIC_BASE_URL, checked by the clock."""

from __future__ import annotations

import logging
import socket
import ssl
from datetime import datetime
from urllib.parse import urlsplit

from cryptography import x509

from heidi_common.metrics import platform_states
from heidi_common.runtime import current_settings

log = logging.getLogger(__name__)
TIMEOUT_SECONDS = 10.0


def read_expiry(host: str, port: int) -> datetime:
    """The end of validity of a server's certificate, whether it is trusted or not.

    Raises:
        OSError: The server cannot be reached, or does not speak TLS.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # an expired certificate is read too
    with (
        socket.create_connection((host, port), timeout=TIMEOUT_SECONDS) as connection,
        context.wrap_socket(connection, server_hostname=host) as secured,
    ):
        der = secured.getpeercert(binary_form=True)
    if der is None:
        raise OSError(f"{host} sent no certificate")
    return x509.load_der_x509_certificate(der).not_valid_after_utc


def store_expiry() -> None:
    """Store when the certificate expires. Does nothing if PUBLIC_BASE_URL is not an HTTPS URL."""
    url = urlsplit(current_settings().public_base_url)
    if url.scheme != "https" or not url.hostname:
        return
    try:
        expiry = read_expiry(url.hostname, url.port or 443)
    except OSError as error:  # a container may be unable to reach the public address
        log.warning("the certificate could not be read", extra={"host": url.hostname, "error": repr(error)[:300]})
        return
    platform_states.store(platform_states.CERTIFICATE, url.hostname, expiry.timestamp())
