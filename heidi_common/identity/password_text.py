"""The normal form of passwords: equal to the eye and to the keyboard is equal to the hash.

Source: RFC 8265, section 4.2 (OpaqueString): spaces other than U+0020 become U+0020, then NFC. Its prohibitions are not
enforced: every character that a password manager or a phone can enter is accepted.
"""

from __future__ import annotations

import unicodedata


def normalize_password(password: str) -> str:
    """Return the normal form of a password."""
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in password)
    return unicodedata.normalize("NFC", spaced)


def password_forms(password: str) -> list[str]:
    """The texts of which a stored hash may have been made, the normal form first.

    Hashes of earlier versions and of other systems were made of the password as it was typed: in NFC on most systems,
    in NFD on some. Most passwords have one form.
    """
    if password.isascii():
        return [password]
    return list(dict.fromkeys((normalize_password(password), password, unicodedata.normalize("NFD", password))))
