"""Reject what cannot be a push token. Only the provider knows which tokens it has issued."""

from __future__ import annotations

import re
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from marshmallow import ValidationError

from heidi_common.crypto import base64url

MIN_LENGTH = 30
"""Tokens of FCM have 140 to 200 characters today. Google documents neither length nor format."""
_FCM = re.compile(r"[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)?", re.ASCII)
_APNS = re.compile(r"([0-9A-Fa-f]{2}){32,80}", re.ASCII)


def fcm_token(value: str) -> None:
    """A validator for registration tokens of FCM: base64url, in tokens of today with a colon after the instance ID."""
    if _APNS.fullmatch(value):
        raise ValidationError("Is a device token of APNs. Send the registration token of FCM (`Messaging.token`).")
    if len(value) < MIN_LENGTH or not _FCM.fullmatch(value) or _is_uuid(value):
        raise ValidationError("Is not a registration token of FCM, as `getToken()` returns it.")


def _is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def public_key(value: str) -> None:
    """A validator for the key of a browser's subscription: an uncompressed point on P-256 (RFC 8291, section 3.1)."""
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), base64url.decode(value.rstrip("=")))
    except ValueError:
        raise ValidationError("Is not a public key on P-256, as the browser returns it.") from None
