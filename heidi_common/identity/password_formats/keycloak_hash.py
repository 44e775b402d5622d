"""The credentials of Keycloak's realm exports: JSON with PBKDF2 or argon2 parameters."""

from __future__ import annotations

import base64
import json
from typing import Any

from heidi_common.identity.password_formats import argon2_hash
from heidi_common.identity.password_formats.pbkdf2_hash import Pbkdf2Hash
from heidi_common.identity.password_formats.stored_hash import (
    RESET_ADVICE,
    InvalidHash,
    StoredHash,
    decode_base64,
    decode_digest,
)

_PBKDF2 = {"pbkdf2": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}
_VERSIONS = {"1.0": 16, "1.3": 19}


def read(text: str) -> StoredHash:
    """Read an element of `credentials`, as Keycloak exports it: since version 8 with `secretData` and `credentialData`.

    Raises:
        InvalidHash: It is not such JSON, or its algorithm or a parameter is not accepted.
    """
    try:
        return _read(_object(text))
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, RecursionError) as error:
        if isinstance(error, InvalidHash):
            raise
        raise InvalidHash("is JSON, but not a credential of a Keycloak export") from None


def _read(credential: dict[str, Any]) -> StoredHash:
    if "secretData" in credential:
        secret, data = _object(credential["secretData"]), _object(credential["credentialData"])
    else:
        secret, data = {**credential, "value": credential["hashedSaltedValue"]}, credential
    algorithm = str(data["algorithm"]).lower()
    if algorithm == "argon2":
        return _argon2(secret, data)
    if algorithm not in _PBKDF2:
        raise InvalidHash(f"has the Keycloak algorithm {algorithm[:50]!r}, which is not supported; {RESET_ADVICE}")
    salt, digest = decode_base64(secret["salt"], "salt"), decode_digest(secret["value"])
    return Pbkdf2Hash(_PBKDF2[algorithm], int(data["hashIterations"]), salt, digest)


def _argon2(secret: dict[str, Any], data: dict[str, Any]) -> StoredHash:
    parameters = data["additionalParameters"]
    memory, lanes = int(parameters["memory"][0]), int(parameters["parallelism"][0])
    costs = f"m={memory},t={int(data['hashIterations'])},p={lanes}"
    salt, digest = (_unpadded(decode_base64(secret[name], name)) for name in ("salt", "value"))
    version = _VERSIONS[parameters["version"][0]]
    return argon2_hash.read(f"$argon2{parameters['type'][0]}$v={version}${costs}${salt}${digest}")


def _object(value: Any) -> dict[str, Any]:
    data = json.loads(value) if isinstance(value, str) else value
    if not isinstance(data, dict):
        raise TypeError
    return data


def _unpadded(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")
