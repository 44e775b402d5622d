"""Read a stored hash of any format. Prefixes that other systems put before a hash are understood."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from uuid import UUID

from heidi_common.identity.password_formats import (
    argon2_hash,
    bcrypt_hash,
    firebase_hash,
    keycloak_hash,
    pbkdf2_hash,
    scrypt_hash,
)
from heidi_common.identity.password_formats.firebase_hash import FirebaseHash, FirebaseParameters
from heidi_common.identity.password_formats.stored_hash import MAX_LENGTH, RESET_ADVICE, InvalidHash, StoredHash

FindParameters = Callable[[UUID], FirebaseParameters | None]
"""Finds the parameters of a Firebase project."""

SUPPORTED = "bcrypt, argon2, PBKDF2 (Django, Werkzeug, passlib, Spring, Keycloak) or scrypt (also Firebase)"

READERS: Mapping[str, Callable[[str], StoredHash]] = {
    "$2": bcrypt_hash.read,
    bcrypt_hash.PREHASHED + "$": bcrypt_hash.read,
    bcrypt_hash.PREHASHED_BY_DJANGO: bcrypt_hash.read,
    "bcrypt$": lambda text: bcrypt_hash.read(text.removeprefix("bcrypt$")),
    argon2_hash.PREFIX: argon2_hash.read,
    "argon2$argon2": lambda text: argon2_hash.read(text.removeprefix("argon2")),
    "pbkdf2_": pbkdf2_hash.read_django,
    "pbkdf2:": pbkdf2_hash.read_werkzeug,
    "$pbkdf2": pbkdf2_hash.read_passlib,
    "scrypt:": scrypt_hash.read_werkzeug,
    "scrypt$": scrypt_hash.read_django,
    "$scrypt$": scrypt_hash.read_passlib,
    "{": keycloak_hash.read,
}
"""Start of a hash -> how to read it. Prefixes in braces are removed before."""

_BRACES = re.compile(r"\{([A-Za-z0-9@_.-]{1,50})\}(.*)", re.DOTALL)
_TRANSPARENT = frozenset({"bcrypt", "blf-crypt", "crypt", "argon2", "argon2id", "argon2i", "argon2d"})
_PLAIN_TEXT = frozenset({"noop", "plain", "cleartext", "clear", "plaintext"})
_UNSAFE = re.compile(
    r"(?i)\{.*|\$(1|5|6|7|y|gy|apr1|md5|sha1|p|h|s|nt|lm|3)\$.*|(md5|sha1|sha256|sha512|crypt|unsalted_\w+)[$:].*"
    r"|([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})(:.*)?"
)


def read_hash(text: str, find_parameters: FindParameters) -> StoredHash:
    """Read a stored hash.

    Args:
        text: The hash as it is stored, or as another system has exported it.
        find_parameters: Finds the parameters of a Firebase project by the ID in the hash.

    Raises:
        InvalidHash: No reader accepts it. The message says why, and what to do instead.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidHash(f"has {len(text)} characters, and must not have more than {MAX_LENGTH}")
    if text.startswith(firebase_hash.PREFIX):
        return _read_firebase(text, find_parameters)
    braces = _BRACES.fullmatch(text)
    if braces is not None:
        return _read_prefixed(braces[1].lower(), braces[2])
    for start, reader in READERS.items():
        if text.startswith(start):
            return reader(text)
    raise _unsupported(text)


def _read_prefixed(prefix: str, text: str) -> StoredHash:
    """Read a hash with a prefix in braces, as Spring Security, Dovecot and LDAP servers write it."""
    scheme, _, version = prefix.partition("@")
    if scheme in _PLAIN_TEXT:
        raise InvalidHash("is a password in plain text; put it into the field `password`, without the prefix")
    if scheme == "pbkdf2":
        return pbkdf2_hash.read_spring(text, is_v5_8=bool(version))
    if scheme == "scrypt":
        return scrypt_hash.read_spring(text)
    if scheme in _TRANSPARENT and text.startswith("$2"):
        return bcrypt_hash.read(text)
    if scheme in _TRANSPARENT and text.startswith(argon2_hash.PREFIX):
        return argon2_hash.read(text)
    if scheme in _TRANSPARENT - {"crypt"}:
        raise InvalidHash(f"has the prefix {{{prefix}}}, but no such hash follows it")
    raise _unsupported(f"{{{prefix}}}")


def _read_firebase(text: str, find_parameters: FindParameters) -> FirebaseHash:
    parameters_id, salt, digest = firebase_hash.split(text)
    parameters = find_parameters(parameters_id)
    if parameters is None:
        raise InvalidHash("belongs to a Firebase project whose parameters are not stored; use --firebase-config")
    return FirebaseHash(parameters, salt, digest)


def _unsupported(text: str) -> InvalidHash:
    if text.startswith("!") or text == "*":
        return InvalidHash(f"marks an account without a password; {RESET_ADVICE}")
    if _UNSAFE.fullmatch(text):
        return InvalidHash(f"has a format that can be cracked quickly and is not accepted; {RESET_ADVICE}")
    return InvalidHash(f"must be a hash of {SUPPORTED}; {RESET_ADVICE}")
