"""Validation and normalisation of e-mail addresses, so that equal addresses are equal text."""

from __future__ import annotations

import unicodedata

import email_validator
from email_validator import EmailNotValidError, validate_email

from heidi_common.problems import Invalid

MAX_LENGTH, MAX_LOCAL_BYTES = 254, 64
"""Source: RFC 5321, section 4.5.3.1. email_validator checks the second limit only in strict mode."""

# Private installations and tests use these domains.
for _name in ("test", "local", "localhost"):
    if _name in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_name)


def normalise_email(text: str) -> str:
    """Validate an address and convert it to its normal form.

    Args:
        text: The address as a user has entered it.

    Returns:
        The address in NFKC and case-folded, with the domain in IDNA form. Dots and plus tags of the local part stay.

    Raises:
        ValueError: The text is not an e-mail address. The message says why.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    local, _, _ = folded.rpartition("@")
    # The validator folds the domain by UTS 46. str.casefold would turn one domain into another (ß into ss).
    domain = unicodedata.normalize("NFKC", text).rpartition("@")[2]
    try:
        validated = validate_email(f"{local}@{domain}", check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    if len(validated.local_part.encode()) > MAX_LOCAL_BYTES:
        raise ValueError(f"The part before the @ is longer than {MAX_LOCAL_BYTES} bytes.")
    address = f"{validated.local_part}@{validated.ascii_domain}"
    if len(address) > MAX_LENGTH:
        raise ValueError(f"The e-mail address is longer than {MAX_LENGTH} characters.")
    return address


def require_valid_email(text: str, field: str = "email") -> str:
    """Return the normal form of an address, as `normalise_email` does.

    Raises:
        Invalid: The text is not an e-mail address. The error names `field`.
    """
    try:
        return normalise_email(text)
    except ValueError as error:
        raise Invalid.field(field, str(error)) from None
