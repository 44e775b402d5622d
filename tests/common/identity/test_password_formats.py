from __future__ import annotations

import base64
import hashlib
import json
from uuid import UUID

import bcrypt
import pytest
from argon2 import PasswordHasher as Argon2
from argon2 import Type
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from werkzeug.security import generate_password_hash

from heidi_common.identity.password_formats import firebase_hash
from heidi_common.identity.password_formats.reading import read_hash
from heidi_common.identity.password_formats.stored_hash import InvalidHash

PASSWORD = "violet-harbour-91-lantern"
BCRYPT = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()
ARGON2ID = Argon2(time_cost=1, memory_cost=512, parallelism=2).hash(PASSWORD)
ARGON2I = Argon2(time_cost=1, memory_cost=1024, parallelism=1, type=Type.I).hash(PASSWORD)
SALT = b"0123456789abcdef"
CONFIG = """hash_config {
  algorithm: SCRYPT,
  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,
  base64_salt_separator: Bw==,
  rounds: 8,
  mem_cost: 14,
}"""
"""The example of https://github.com/firebase/scrypt."""
FIREBASE = firebase_hash.compose(
    UUID(int=1),
    "42xEC+ixf3L2lw==",
    "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
)
RFC_7914 = (
    "scrypt:16384:8:1$SodiumChloride$7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
    "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
)


def pbkdf2(algorithm: HashAlgorithm, iterations: int, length: int, salt: bytes = SALT) -> bytes:
    return PBKDF2HMAC(algorithm, length, salt, iterations).derive(PASSWORD.encode())


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def bare(raw: bytes) -> str:
    return b64(raw).rstrip("=")


def keycloak(algorithm: str, digest: bytes, iterations: int, **further: object) -> str:
    secret = {"value": b64(digest), "salt": b64(SALT), "additionalParameters": {}}
    data = {"hashIterations": iterations, "algorithm": algorithm, "additionalParameters": further}
    return json.dumps({"type": "password", "secretData": json.dumps(secret), "credentialData": json.dumps(data)})


def scrypt(n: int) -> bytes:
    return hashlib.scrypt(PASSWORD.encode(), salt=SALT, n=n, r=8, p=1, maxmem=2**27, dklen=32)


def keycloak_argon2() -> str:
    digest = ARGON2ID.split("$")[-1] + "="
    salt = ARGON2ID.split("$")[-2] + "=="
    data = {"memory": ["512"], "parallelism": ["2"], "type": ["id"], "version": ["1.3"], "hashLength": ["32"]}
    return json.dumps(
        {
            "secretData": json.dumps({"value": digest, "salt": salt}),
            "credentialData": json.dumps(
                {"hashIterations": 1, "algorithm": "argon2", "additionalParameters": data},
            ),
        }
    )


VALID = {
    "bcrypt 2a": BCRYPT.replace("$2b$", "$2a$"),
    "bcrypt 2y": BCRYPT.replace("$2b$", "$2y$"),
    "Spring bcrypt": "{bcrypt}" + BCRYPT.replace("$2b$", "$2a$"),
    "Dovecot bcrypt": "{BLF-CRYPT}" + BCRYPT.replace("$2b$", "$2y$"),
    "LDAP bcrypt": "{CRYPT}" + BCRYPT,
    "Django bcrypt": "bcrypt$" + BCRYPT,
    "Django bcrypt of SHA-256": "bcrypt_sha256$"
    + bcrypt.hashpw(hashlib.sha256(PASSWORD.encode()).hexdigest().encode(), bcrypt.gensalt(4)).decode(),
    "argon2id": ARGON2ID,
    "argon2i": ARGON2I,
    "Spring argon2": "{argon2@SpringSecurity_v5_8}" + ARGON2ID,
    "Django argon2": "argon2" + ARGON2ID,
    "Django PBKDF2": f"pbkdf2_sha256$20000${SALT.decode()}${b64(pbkdf2(SHA256(), 20000, 32))}",
    "Django PBKDF2 SHA-1": f"pbkdf2_sha1$1000${SALT.decode()}${b64(pbkdf2(SHA1(), 1000, 20))}",
    "Werkzeug PBKDF2": generate_password_hash(PASSWORD, "pbkdf2:sha512:2000"),
    "Werkzeug PBKDF2 SHA-1": generate_password_hash(PASSWORD, "pbkdf2:sha1:1000"),
    "Werkzeug scrypt": generate_password_hash(PASSWORD),
    "Django scrypt": f"scrypt$2048${SALT.decode()}$8$1${b64(scrypt(2048))}",
    "passlib scrypt": f"$scrypt$ln=11,r=8,p=1${bare(SALT)}${bare(scrypt(2048))}",
    "passlib PBKDF2": f"$pbkdf2-sha512$1000${bare(SALT)}${bare(pbkdf2(SHA512(), 1000, 64)).replace('+', '.')}",
    "Spring scrypt": f"{{scrypt}}$b0801${b64(SALT)}${b64(scrypt(2048))}",
    "Spring PBKDF2": "{pbkdf2}" + (SALT[:8] + pbkdf2(SHA1(), 185_000, 32, SALT[:8])).hex(),
    "Spring 5.8 PBKDF2": "{pbkdf2@SpringSecurity_v5_8}" + (SALT + pbkdf2(SHA256(), 310_000, 32)).hex(),
    "Keycloak PBKDF2": keycloak("pbkdf2-sha512", pbkdf2(SHA512(), 2100, 64), 2100),
    "Keycloak PBKDF2 of two blocks": keycloak("pbkdf2-sha256", pbkdf2(SHA256(), 2750, 64), 2750),
    "Keycloak argon2": keycloak_argon2(),
}

REJECTED = {
    "bcrypt 2x": (BCRYPT.replace("$2b$", "$2x$"), "broken version"),
    "bcrypt cost 3": (BCRYPT.replace("$05$", "$03$"), "between 4 and 15"),
    "bcrypt cost 16": (BCRYPT.replace("$05$", "$16$"), "between 4 and 15"),
    "bcrypt cost 99": ("{bcrypt}" + BCRYPT.replace("$05$", "$99$"), "between 4 and 15"),
    "bcrypt salt": (BCRYPT[:7] + "a" * 22 + BCRYPT[29:], "invalid salt"),
    "bcrypt cut": (BCRYPT[:-1], "complete bcrypt"),
    "bcrypt with a line break": (BCRYPT + "\n", "complete bcrypt"),
    "bcrypt Arabic digits": (BCRYPT.replace("$05$", "$٠٥$"), "complete bcrypt"),
    "Spring noop": ("{noop}" + PASSWORD, "field `password`"),
    "Dovecot plain": ("{PLAIN}" + PASSWORD, "field `password`"),
    "Spring prefix, other hash": ("{bcrypt}" + ARGON2ID[8:], "no such hash"),
    "LDAP SHA": ("{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "forgot password"),
    "LDAP SSHA": ("{SSHA}MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "forgot password"),
    "LDAP crypt": ("{CRYPT}$6$rounds=5000$salt$abc", "forgot password"),
    "MD5": ("5f4dcc3b5aa765d61d8327deb882cf99", "forgot password"),
    "MD5 crypt": ("$1$salt$abcdefghijklmnop", "forgot password"),
    "WordPress": ("$P$B12345678abcdefghijklmnopqrstuv", "forgot password"),
    "Django SHA-1": ("sha1$salt$da39a3ee5e6b4b0d3255bfef95601890afd80709", "forgot password"),
    "Django unusable": ("!VGhpcyBpcyBub3QgYSBwYXNzd29yZA", "without a password"),
    "argon2 memory": (ARGON2ID.replace("m=512", "m=1048577"), "between 512 and 262144"),
    "argon2 little memory": (ARGON2ID.replace("m=512", "m=8"), "between 512 and 262144"),
    "argon2 passes": (ARGON2ID.replace("t=1", "t=4000000000"), "between 1 and 32"),
    "argon2 no pass": (ARGON2ID.replace("t=1", "t=0"), "between 1 and 32"),
    "argon2 lanes": (ARGON2ID.replace("p=2", "p=64"), "between 1 and 16"),
    "argon2 work": (ARGON2ID.replace("m=512,t=1", "m=262144,t=5"), "multiplied"),
    "argon2 short salt": (ARGON2ID.replace(ARGON2ID.split("$")[4], "c2FsdA"), "Salt is too short"),
    "argon2 cut": (ARGON2ID[:-27], "was it cut"),
    "PBKDF2 of one iteration": (VALID["Django PBKDF2"].replace("$20000$", "$1$"), "between 1000 and"),
    "PBKDF2 of a thousand million": (VALID["Django PBKDF2"].replace("$20000$", "$1000000000$"), "and 3000000"),
    "PBKDF2 of many blocks": (
        f"pbkdf2_sha1$1000000${SALT.decode()}${b64(bytes(100))}",
        "and 600000",
    ),
    "PBKDF2 MD5": ("pbkdf2:md5:1000$salt$" + "0" * 32, "complete Werkzeug"),
    "PBKDF2 digest": (VALID["Django PBKDF2"][:-20] + "=x", "Base64"),
    "scrypt memory": (RFC_7914.replace("16384:8", "1048576:8"), "between 10 and 18"),
    "scrypt lanes": (RFC_7914.replace("8:1", "8:9999"), "parallelism"),
    "scrypt work": (RFC_7914.replace("16384:8:1", "262144:8:2"), "all lanes"),
    "scrypt weak": (RFC_7914.replace("16384:8", "1024:1"), "multiplied"),
    "scrypt cost": (RFC_7914.replace("16384", "16385"), "power of two"),
    "Keycloak algorithm": (keycloak("bcrypt", SALT, 10), "not supported"),
    "Keycloak iterations": (keycloak("pbkdf2-sha256", SALT * 2, 10**12), "PBKDF2 iterations"),
    "other JSON": ('{"password": "x"}', "not a credential"),
    "deep JSON": ('{"a":' * 390, "not a credential"),
    "Firebase without parameters": (FIREBASE, "--firebase-config"),
    "plain text": (PASSWORD, "must be a hash of"),
    "empty": ("", "must be a hash of"),
    "very long": ("$2b$" + "a" * 100_000, "characters"),
}


@pytest.mark.parametrize("name", VALID)
def test_hashes_of_other_systems_are_verified(name: str) -> None:
    stored = read_hash(VALID[name], lambda _: None)
    assert stored.matches(PASSWORD) and not stored.matches(PASSWORD[:-1])


@pytest.mark.parametrize("name", REJECTED)
def test_other_text_is_rejected_with_the_reason_and_the_remedy(name: str) -> None:
    text, reason = REJECTED[name]
    with pytest.raises(InvalidHash, match=reason) as error:
        read_hash(text, lambda _: None)
    assert PASSWORD not in str(error.value)


def test_published_examples_are_verified() -> None:
    parameters = firebase_hash.read_parameters(CONFIG)
    assert read_hash(FIREBASE, lambda _: parameters).matches("user1password")
    assert not read_hash(FIREBASE, lambda _: parameters).matches("user1Password")
    assert read_hash(RFC_7914, lambda _: None).matches("pleaseletmein")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{}", "lacks base64_salt_separator, base64_signer_key, mem_cost, rounds"),
        (CONFIG.replace("mem_cost: 14", "mem_cost: 40"), "between 10 and 18"),
        (CONFIG.replace("rounds: 8", "rounds: many"), "whole numbers"),
        (CONFIG.replace(CONFIG.split()[5], "AAA=,"), "signer key"),
        ('{"signerKey": "' + "A" * 88 + '", "saltSeparator": "Bw", "rounds": 900, "memCost": 14}', "block size"),
    ],
)
def test_firebase_parameters_are_checked(text: str, reason: str) -> None:
    with pytest.raises(InvalidHash, match=reason):
        firebase_hash.read_parameters(text)


def test_firebase_parameters_are_read_from_json_too() -> None:
    expected = firebase_hash.read_parameters(CONFIG)
    names = {"base64_signer_key": expected.signer_key, "base64_salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}
    assert firebase_hash.read_parameters(json.dumps({"hash_config": names})) == expected
