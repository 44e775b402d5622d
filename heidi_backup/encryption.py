"""Encryption with age: https://age-encryption.org/v1. The library pyrage is the Rust implementation, rage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyrage

from heidi_backup.programs import BackupError


def encrypt(source: Path, target: Path, recipients: Sequence[str]) -> None:
    """Encrypt a file for the owners of some public keys.

    Raises:
        BackupError: A recipient is not a public key of age.
    """
    with source.open("rb") as reader, target.open("wb") as writer:
        pyrage.encrypt_io(reader, writer, [parse_recipient(text) for text in recipients])


def decrypt(source: Path, target: Path, identity: str) -> None:
    """Decrypt a file.

    Raises:
        BackupError: The identity is missing or another one, or the file is damaged.
    """
    if not identity:
        raise BackupError("The backup is encrypted. Set BACKUP_IDENTITY (or BACKUP_IDENTITY_FILE) to the secret key.")
    with source.open("rb") as reader, target.open("wb") as writer:
        try:
            pyrage.decrypt_io(reader, writer, [_parse_identity(identity)])
        except (pyrage.DecryptError, OSError, ValueError) as error:
            raise BackupError(f"The backup cannot be decrypted: {error}") from None


def parse_recipient(text: str) -> pyrage.x25519.Recipient:
    """Parse a public key.

    Raises:
        BackupError: It is none. Secret keys, which must not be stored here, are named.
    """
    if text.upper().startswith("AGE-SECRET-KEY-"):
        raise BackupError(
            "BACKUP_RECIPIENTS contains a secret key. Enter the public key (age1...), and replace this key."
        )
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise BackupError(f"BACKUP_RECIPIENTS: {text!r} is not a public key of age ({error})") from None


def new_identity() -> tuple[str, str]:
    """Create a key pair: the secret key and the public key."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def _parse_identity(text: str) -> pyrage.x25519.Identity:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        return pyrage.x25519.Identity.from_str(lines[0] if lines else "")
    except pyrage.IdentityError:
        raise BackupError("BACKUP_IDENTITY is not a secret key of age (AGE-SECRET-KEY-1...).") from None
