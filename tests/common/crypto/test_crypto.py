import base64
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heidi_common.crypto.encryption import DecryptionError, FieldEncryptor, InvalidKey

OLD = base64.b64encode(b"o" * 32).decode()
NEW = base64.b64encode(b"n" * 32).decode()

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet="aé☃"), inner),
    max_leaves=10,
)


@given(value=json_values, context=st.binary(max_size=20))
def test_what_was_sealed_opens_to_the_same_value(value: Any, context: bytes) -> None:
    sealer = FieldEncryptor([NEW])
    assert sealer.decrypt(sealer.encrypt(value, context), context) == value


def test_a_token_shows_nothing_of_its_value_and_never_repeats() -> None:
    sealer = FieldEncryptor([NEW])
    first, second = sealer.encrypt("hunter2"), sealer.encrypt("hunter2")
    assert first != second
    assert b"hunter2" not in base64.urlsafe_b64decode(first.split(".")[2])


def test_a_token_does_not_open_in_another_place() -> None:
    sealer = FieldEncryptor([NEW])
    token = sealer.encrypt({"apiKey": "k"}, context=b"row 1")
    with pytest.raises(DecryptionError, match="another context"):
        sealer.decrypt(token, context=b"row 2")


@given(position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_one_changed_bit_is_noticed(position: int, bit: int) -> None:
    sealer = FieldEncryptor([NEW])
    head, key_id, body = sealer.encrypt([1, 2, 3]).split(".")
    blob = bytearray(base64.urlsafe_b64decode(body))
    blob[position % len(blob)] ^= 1 << bit
    with pytest.raises(DecryptionError):
        sealer.decrypt(f"{head}.{key_id}.{base64.urlsafe_b64encode(bytes(blob)).decode()}")


def test_an_old_key_still_opens_and_rotation_moves_to_the_new_one() -> None:
    token = FieldEncryptor([OLD]).encrypt("secret", context=b"here")
    both = FieldEncryptor([NEW, OLD])
    assert both.decrypt(token, context=b"here") == "secret"
    assert not both.is_current(token)
    moved = both.reencrypt(token, context=b"here")
    assert FieldEncryptor([NEW]).decrypt(moved, context=b"here") == "secret"
    assert both.reencrypt(moved, context=b"here") == moved


def test_rotation_refuses_a_token_that_belongs_elsewhere() -> None:
    token = FieldEncryptor([NEW]).encrypt("secret", context=b"here")
    with pytest.raises(DecryptionError):
        FieldEncryptor([NEW]).reencrypt(token, context=b"there")


def test_a_key_that_is_gone_is_named() -> None:
    token = FieldEncryptor([OLD]).encrypt("secret")
    with pytest.raises(DecryptionError, match=token.split(".")[1]):
        FieldEncryptor([NEW]).decrypt(token)


@pytest.mark.parametrize("token", ["", "v1", "v1..", "v2.a.b", "v1.a.###", "v1.a.YQ==", "a.b.c.d", "v1.ä.ö"])
def test_garbage_is_refused_with_one_error(token: str) -> None:
    with pytest.raises(DecryptionError, match="not an encrypted value"):
        FieldEncryptor([NEW]).decrypt(token)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([], "at least one"),
        (["not base64!"], "key 1 is not base64"),
        ([NEW, base64.b64encode(os.urandom(16)).decode()], "key 2 has 16 bytes"),
    ],
)
def test_a_bad_key_is_named_by_its_number_and_never_shown(keys: list[str], message: str) -> None:
    with pytest.raises(InvalidKey, match=message):
        FieldEncryptor(keys)


def test_both_base64_alphabets_are_understood() -> None:
    raw = b"\xfb\xff" * 16
    token = FieldEncryptor([base64.b64encode(raw).decode()]).encrypt(1)
    assert FieldEncryptor([base64.urlsafe_b64encode(raw).decode()]).decrypt(token) == 1
