"""Time-based codes (RFC 6238) and recovery codes: the arithmetic, without the database."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

import pyotp

STEP_SECONDS = 30
WINDOW = 1
RECOVERY_CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_secret() -> str:
    """160 random bits in base32, as authenticator apps want them."""
    return pyotp.random_base32()


def uri(secret: str, email: str, issuer: str) -> str:
    """The otpauth:// address that an app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step that a code belongs to, one step either way; None when it is wrong."""
    if len(code) != 6 or not (code.isascii() and code.isdigit()):
        return None
    totp = pyotp.TOTP(secret)
    current = int(now.timestamp()) // STEP_SECONDS
    for step in (current, current - WINDOW, current + WINDOW):
        if pyotp.utils.strings_equal(totp.generate_otp(step), code):
            return step
    return None


def new_recovery_codes() -> list[str]:
    """Ten codes of about 79 bits, in letters and digits that are not mistaken for one another."""
    return ["-".join(_word() for _ in range(4)) for _ in range(RECOVERY_CODES)]


def hash_recovery_code(code: str) -> str:
    """Random enough that a plain digest is safe; spaces, dashes and case do not matter."""
    plain = "".join(character for character in code.casefold() if character.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()


def _word() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(4))
