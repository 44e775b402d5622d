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
def test_decryption_returns_the_encrypted_value(value: Any, context: bytes) -> None:
    encryptor = FieldEncryptor([NEW])
    assert encryptor.decrypt(encryptor.encrypt(value, context), context) == value


def test_a_token_does_not_contain_its_value_and_is_never_the_same() -> None:
    encryptor = FieldEncryptor([NEW])
    first, second = encryptor.encrypt("hunter2"), encryptor.encrypt("hunter2")
    assert first != second
    assert b"hunter2" not in base64.urlsafe_b64decode(first.split(".")[2])


def test_a_token_cannot_be_decrypted_in_another_context() -> None:
    encryptor = FieldEncryptor([NEW])
    token = encryptor.encrypt({"apiKey": "k"}, context=b"row 1")
    with pytest.raises(DecryptionError, match="another context"):
        encryptor.decrypt(token, context=b"row 2")


@given(position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_changed_bit_is_detected(position: int, bit: int) -> None:
    encryptor = FieldEncryptor([NEW])
    head, key_id, body = encryptor.encrypt([1, 2, 3]).split(".")
    blob = bytearray(base64.urlsafe_b64decode(body))
    blob[position % len(blob)] ^= 1 << bit
    with pytest.raises(DecryptionError):
        encryptor.decrypt(f"{head}.{key_id}.{base64.urlsafe_b64encode(bytes(blob)).decode()}")


def test_an_old_key_still_decrypts_and_rotation_uses_the_new_key() -> None:
    token = FieldEncryptor([OLD]).encrypt("secret", context=b"here")
    both = FieldEncryptor([NEW, OLD])
    assert both.decrypt(token, context=b"here") == "secret"
    assert not both.is_current(token)
    reencrypted = both.reencrypt(token, context=b"here")
    assert FieldEncryptor([NEW]).decrypt(reencrypted, context=b"here") == "secret"
    assert both.reencrypt(reencrypted, context=b"here") == reencrypted


def test_rotation_rejects_a_token_of_another_context() -> None:
    token = FieldEncryptor([NEW]).encrypt("secret", context=b"here")
    with pytest.raises(DecryptionError):
        FieldEncryptor([NEW]).reencrypt(token, context=b"there")


def test_the_error_names_a_key_that_is_not_configured() -> None:
    token = FieldEncryptor([OLD]).encrypt("secret")
    with pytest.raises(DecryptionError, match=token.split(".")[1]):
        FieldEncryptor([NEW]).decrypt(token)


@pytest.mark.parametrize("token", ["", "v1", "v1..", "v2.a.b", "v1.a.###", "v1.a.YQ==", "a.b.c.d", "v1.ä.ö"])
def test_malformed_tokens_are_rejected_with_the_same_error(token: str) -> None:
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
def test_the_error_for_an_invalid_key_contains_its_number_but_not_the_key(keys: list[str], message: str) -> None:
    with pytest.raises(InvalidKey, match=message):
        FieldEncryptor(keys)


def test_keys_may_use_both_base64_alphabets() -> None:
    raw = b"\xfb\xff" * 16
    token = FieldEncryptor([base64.b64encode(raw).decode()]).encrypt(1)
    assert FieldEncryptor([base64.urlsafe_b64encode(raw).decode()]).decrypt(token) == 1
