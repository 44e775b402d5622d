"""The key pair of Web Push, compared with the library that signs with it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02

from heidi_common.crypto import base64url, vapid


def test_the_public_key_is_the_one_that_the_signing_library_derives() -> None:
    private_key = vapid.generate_private_key()
    point = Vapid02.from_string(private_key).public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert base64url.decode(vapid.public_key(private_key)) == point
    assert len(point) == 65 and point[0] == 4


def test_each_key_is_new() -> None:
    assert len({vapid.generate_private_key() for _ in range(20)}) == 20


@pytest.mark.parametrize("key", ["", "AAAA", "x" * 44, base64url.encode(bytes(32)), base64url.encode(b"\xff" * 32)])
def test_other_values_are_rejected(key: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        vapid.public_key(key)
