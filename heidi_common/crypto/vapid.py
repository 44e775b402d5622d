"""The key pair of Web Push: it identifies this platform to the push services of browsers.

Source: RFC 8292 (VAPID). The key is on the curve P-256.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from heidi_common.crypto import base64url

KEY_BYTES = 32


def generate_private_key() -> str:
    """Generate a value for VAPID_PRIVATE_KEY: the raw private key in base64url."""
    number = generate_ec_key(SECP256R1()).private_numbers().private_value
    return base64url.encode(number.to_bytes(KEY_BYTES, "big"))


def public_key(private_key: str) -> str:
    """Derive the `applicationServerKey` that a browser needs to subscribe.

    Args:
        private_key: The value of VAPID_PRIVATE_KEY.

    Returns:
        The uncompressed point (65 bytes) in base64url.

    Raises:
        ValueError: The value is not a P-256 key.
    """
    point = _load(private_key).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64url.encode(point)


def _load(private_key: str) -> EllipticCurvePrivateKey:
    raw = base64url.decode(private_key)
    if len(raw) != KEY_BYTES:
        raise ValueError(f"A VAPID key has {KEY_BYTES} bytes, this one has {len(raw)}.")
    return derive_private_key(int.from_bytes(raw, "big"), SECP256R1())
