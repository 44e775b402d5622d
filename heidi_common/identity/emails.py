"""Validation and normalization of e-mail addresses, so that equal addresses are equal text."""

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


def normalize_email(text: str) -> str:
    """Validate an address and convert it to its normal form.

    Args:
        text: The address as a user has entered it. Surrounding spaces are ignored.

    Returns:
        The address in lower case and NFC, with full-width characters as ASCII and the domain in IDNA form. Letters that
        only look or sound alike stay different: `ß` is not `ss`. Dots and plus tags of the local part stay.

    Raises:
        ValueError: The text is not an e-mail address. The message says why.

    Source: the rules of RFC 8265, section 3.3 (UsernameCaseMapped).
    """
    bare = _narrow(strip_spaces(text))
    return _validated(unicodedata.normalize("NFC", bare.lower()).rpartition("@")[0], bare)


def former_form(text: str) -> str | None:
    """Convert an address to the form in which versions before 1.2 stored it: NFKC and case-folded.

    Returns:
        The address if that form differs from the current one, for users whose address was stored before; else None.
    """
    bare = strip_spaces(text)
    if bare.isascii():
        return None
    try:
        former = _validated(casefolded(bare).rpartition("@")[0], bare)
        return former if former != normalize_email(text) else None
    except ValueError:
        return None


def casefolded(text: str) -> str:
    """Fold an address so far that all addresses that were ever equal are equal. It keys the counters of failures."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", strip_spaces(text)).casefold())


def strip_spaces(text: str) -> str:
    """Remove surrounding white space, and the invisible characters that copied text begins or ends with."""
    invisible = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
    while (stripped := text.strip().strip(invisible)) != text:
        text = stripped
    return text


def _validated(local: str, text: str) -> str:
    # The validator folds the domain by UTS 46. str.casefold would turn one domain into another (ß into ss).
    domain = unicodedata.normalize("NFKC", text).rpartition("@")[2]
    try:
        validated = validate_email(f"{local}@{domain}", check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    local_bytes = len(validated.local_part.encode())
    if local_bytes > MAX_LOCAL_BYTES:
        raise ValueError(f"The part before the @ must have at most {MAX_LOCAL_BYTES} bytes, but has {local_bytes}.")
    address = f"{validated.local_part}@{validated.ascii_domain}"
    if len(address) > MAX_LENGTH:
        raise ValueError(f"The e-mail address must have at most {MAX_LENGTH} characters, but has {len(address)}.")
    return address


def _narrow(text: str) -> str:
    """Replace full-width and half-width characters by the usual ones. Source: RFC 8264, section 5.2.1."""
    return "".join(_usual_width(character) for character in text)


def _usual_width(character: str) -> str:
    kind, _, code = unicodedata.decomposition(character).partition(" ")
    return chr(int(code, 16)) if kind in ("<wide>", "<narrow>") else character


def require_valid_email(text: str, field: str = "email") -> str:
    """Return the normal form of an address, as `normalize_email` does.

    Raises:
        Invalid: The text is not an e-mail address. The error names `field`.
    """
    try:
        return normalize_email(text)
    except ValueError as error:
        raise Invalid.field(field, str(error)) from None
