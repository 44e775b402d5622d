"""One spelling for each e-mail address, so that uniqueness means something."""

from __future__ import annotations

import unicodedata

import email_validator
from email_validator import EmailNotValidError, validate_email

from heidi_common.problems import Invalid

MAX_LENGTH, MAX_LOCAL_BYTES = 254, 64
"""RFC 5321; the library leaves the second one to whoever asks for it."""

# Private installations have such domains, and so has every test.
for _name in ("test", "local", "localhost"):
    if _name in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_name)


def normalise_email(text: str) -> str:
    """NFKC, case-folded, IDNA domain; dots and plus tags stay. Raises ValueError when it is no address."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    local, _, _ = folded.rpartition("@")
    # The domain has its own folding (UTS 46); str.casefold would turn one domain into another (ß).
    domain = unicodedata.normalize("NFKC", text).rpartition("@")[2]
    try:
        found = validate_email(f"{local}@{domain}", check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    if len(found.local_part.encode()) > MAX_LOCAL_BYTES:
        raise ValueError(f"The part before the @ is longer than {MAX_LOCAL_BYTES} bytes.")
    address = f"{found.local_part}@{found.ascii_domain}"
    if len(address) > MAX_LENGTH:
        raise ValueError("The email address is too long.")
    return address


def checked_email(text: str, field: str = "email") -> str:
    """The normal form, or Invalid naming the field."""
    try:
        return normalise_email(text)
    except ValueError as error:
        raise Invalid.field(field, str(error)) from None
