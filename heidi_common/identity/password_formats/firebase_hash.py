"""Firebase's scrypt: the derived key encrypts the project's signer key, and the ciphertext is the hash.

Source: https://github.com/firebase/scrypt, and https://firebase.google.com/docs/auth/admin/import-users.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from heidi_common.identity.password_formats.scrypt_hash import ScryptCost
from heidi_common.identity.password_formats.stored_hash import (
    InvalidHash,
    decode_base64,
    is_equal,
    require_digest,
    require_match,
    require_salt,
)

PREFIX = "firebase-scrypt$"
EXAMPLE = "base64_signer_key, base64_salt_separator, rounds and mem_cost, as the Firebase console shows them"
MAX_SIGNER_KEY_BYTES = 128

_FORMAT = re.compile(r"firebase-scrypt\$([0-9a-f-]{36})\$([A-Za-z0-9+/=_-]+)\$([A-Za-z0-9+/=_-]+)")
_NAMES = {"base64_signer_key": ("signerKey",), "base64_salt_separator": ("saltSeparator",), "mem_cost": ("memCost",)}


@dataclass(frozen=True)
class FirebaseParameters:
    """The parameters of a Firebase project, which all of its hashes share."""

    signer_key: str
    salt_separator: str
    rounds: int
    mem_cost: int

    def __post_init__(self) -> None:
        key = decode_base64(self.signer_key, "signer key")
        if not 16 <= len(key) <= MAX_SIGNER_KEY_BYTES:
            raise InvalidHash(f"the signer key has {len(key)} bytes, and must have 16 to {MAX_SIGNER_KEY_BYTES}")
        decode_base64(self.salt_separator, "salt separator")
        self.cost()

    def cost(self) -> ScryptCost:
        """The parameters of scrypt. Firebase calls the block size `rounds`."""
        return ScryptCost(1 << min(max(self.mem_cost, 0), 64), self.rounds, 1)


@dataclass(frozen=True)
class FirebaseHash:
    """A hash with the parameters of its project."""

    parameters: FirebaseParameters
    salt: bytes
    digest: bytes

    def matches(self, password: str) -> bool:
        salt = self.salt + decode_base64(self.parameters.salt_separator, "salt separator")
        key = self.parameters.cost().derive(password.encode(), salt, 64)[:32]
        encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
        return is_equal(encryptor.update(decode_base64(self.parameters.signer_key, "signer key")), self.digest)


def compose(parameters_id: UUID, salt: str, digest: str) -> str:
    """Compose the stored form of a hash from the columns of a Firebase export."""
    return f"{PREFIX}{parameters_id}${salt}${digest}"


def rebind(text: str, parameters_id: UUID) -> str:
    """Refer to other parameters, if the text is the stored form of a Firebase hash."""
    if not text.startswith(PREFIX):
        return text
    return f"{PREFIX}{parameters_id}${text.removeprefix(PREFIX).partition('$')[2]}"


def split(text: str) -> tuple[UUID, bytes, bytes]:
    """Split the stored form into the ID of the parameters, salt and digest.

    Raises:
        InvalidHash: It has another form.
    """
    parameters_id, salt, digest = require_match(_FORMAT, text, "Firebase").groups()
    try:
        number = UUID(parameters_id)
    except ValueError:
        raise InvalidHash("names no parameters of a Firebase project") from None
    return number, require_salt(decode_base64(salt, "salt")), require_digest(decode_base64(digest, "digest"))


def read_parameters(text: str) -> FirebaseParameters:
    """Read the parameters of a project: JSON, or the text `hash_config {...}` that the Firebase console shows.

    Raises:
        InvalidHash: A parameter is missing or out of bounds. The message names it.
    """
    values = _values(text)
    missing = sorted({*_NAMES, "rounds"} - set(values))
    if missing:
        raise InvalidHash(f"lacks {', '.join(missing)}; it must contain {EXAMPLE}")
    try:
        rounds, mem_cost = int(values["rounds"]), int(values["mem_cost"])
    except ValueError:
        raise InvalidHash("rounds and mem_cost must be whole numbers") from None
    return FirebaseParameters(values["base64_signer_key"], values["base64_salt_separator"], rounds, mem_cost)


def _values(text: str) -> dict[str, str]:
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError):
        data = dict(re.findall(r"(\w+)\s*:\s*\"?([^\s,\"}]+)", text))
    if isinstance(data, Mapping) and isinstance(data.get("hash_config"), Mapping):
        data = data["hash_config"]
    if not isinstance(data, Mapping):
        return {}
    aliases = {alias: name for name, others in _NAMES.items() for alias in others}
    return {aliases.get(str(name), str(name)): str(value) for name, value in data.items()}
