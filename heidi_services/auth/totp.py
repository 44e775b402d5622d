"""Time-based one-time passwords (RFC 6238) and recovery codes: calculation only, without the database."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from datetime import datetime

import pyotp

STEP_SECONDS = 30
WINDOW = 1
RECOVERY_CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def generate_secret() -> str:
    """Generate 160 random bits in base32, the format of authenticator apps."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, email: str, issuer: str) -> str:
    """Build the otpauth:// URI that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """Find the time step of a code among the current step and one step before and after it.

    Returns:
        The number of 30-second steps since 1970; None if the code is wrong. Spaces in the code are ignored, and the
        digits of any script are accepted.
    """
    code = _ascii_digits(code)
    if len(code) != 6 or not (code.isascii() and code.isdigit()):
        return None
    totp = pyotp.TOTP(secret)
    current = int(now.timestamp()) // STEP_SECONDS
    for step in (current, current - WINDOW, current + WINDOW):
        if pyotp.utils.strings_equal(totp.generate_otp(step), code):
            return step
    return None


def _ascii_digits(code: str) -> str:
    """Write digits of any script in ASCII, without white space, hyphens and invisible characters."""
    visible = (character for character in code if unicodedata.category(character) not in ("Zs", "Cf", "Pd", "Cc"))
    return "".join(str(unicodedata.decimal(character, character)) for character in visible)


def generate_recovery_codes() -> list[str]:
    """Generate ten codes of about 79 bits each, without characters that look alike (`0` and `o`, `1` and `l`)."""
    return ["-".join(_code_group() for _ in range(4)) for _ in range(RECOVERY_CODES)]


def hash_recovery_code(code: str) -> str:
    """Hash a recovery code for storage; spaces, dashes and case are ignored. Random codes need no slow hash."""
    usual = unicodedata.normalize("NFKC", code).casefold()
    normalized = "".join(character for character in usual if character.isalnum())
    return hashlib.sha256(normalized.encode()).hexdigest()


def _code_group() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(4))
