import base64
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heidi_common.crypto.encryption import BadKey, CannotOpen, Sealer

OLD = base64.b64encode(b"o" * 32).decode()
NEW = base64.b64encode(b"n" * 32).decode()

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet="aé☃"), inner),
    max_leaves=10,
)


@given(value=json_values, context=st.binary(max_size=20))
def test_what_was_sealed_opens_to_the_same_value(value: Any, context: bytes) -> None:
    sealer = Sealer([NEW])
    assert sealer.open(sealer.seal(value, context), context) == value


def test_a_token_shows_nothing_of_its_value_and_never_repeats() -> None:
    sealer = Sealer([NEW])
    first, second = sealer.seal("hunter2"), sealer.seal("hunter2")
    assert first != second
    assert b"hunter2" not in base64.urlsafe_b64decode(first.split(".")[2])


def test_a_token_does_not_open_in_another_place() -> None:
    sealer = Sealer([NEW])
    token = sealer.seal({"apiKey": "k"}, context=b"row 1")
    with pytest.raises(CannotOpen, match="another place"):
        sealer.open(token, context=b"row 2")


@given(position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_one_changed_bit_is_noticed(position: int, bit: int) -> None:
    sealer = Sealer([NEW])
    head, key_id, body = sealer.seal([1, 2, 3]).split(".")
    blob = bytearray(base64.urlsafe_b64decode(body))
    blob[position % len(blob)] ^= 1 << bit
    with pytest.raises(CannotOpen):
        sealer.open(f"{head}.{key_id}.{base64.urlsafe_b64encode(bytes(blob)).decode()}")


def test_an_old_key_still_opens_and_rotation_moves_to_the_new_one() -> None:
    token = Sealer([OLD]).seal("secret", context=b"here")
    both = Sealer([NEW, OLD])
    assert both.open(token, context=b"here") == "secret"
    assert not both.is_current(token)
    moved = both.rotate(token, context=b"here")
    assert Sealer([NEW]).open(moved, context=b"here") == "secret"
    assert both.rotate(moved, context=b"here") == moved


def test_rotation_refuses_a_token_that_belongs_elsewhere() -> None:
    token = Sealer([NEW]).seal("secret", context=b"here")
    with pytest.raises(CannotOpen):
        Sealer([NEW]).rotate(token, context=b"there")


def test_a_key_that_is_gone_is_named() -> None:
    token = Sealer([OLD]).seal("secret")
    with pytest.raises(CannotOpen, match=token.split(".")[1]):
        Sealer([NEW]).open(token)


@pytest.mark.parametrize("token", ["", "v1", "v1..", "v2.a.b", "v1.a.###", "v1.a.YQ==", "a.b.c.d", "v1.ä.ö"])
def test_garbage_is_refused_with_one_error(token: str) -> None:
    with pytest.raises(CannotOpen, match="not a sealed value"):
        Sealer([NEW]).open(token)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([], "at least one"),
        (["not base64!"], "key 1 is not base64"),
        ([NEW, base64.b64encode(os.urandom(16)).decode()], "key 2 has 16 bytes"),
    ],
)
def test_a_bad_key_is_named_by_its_number_and_never_shown(keys: list[str], message: str) -> None:
    with pytest.raises(BadKey, match=message):
        Sealer(keys)


def test_both_base64_alphabets_are_understood() -> None:
    raw = b"\xfb\xff" * 16
    token = Sealer([base64.b64encode(raw).decode()]).seal(1)
    assert Sealer([base64.urlsafe_b64encode(raw).decode()]).open(token) == 1
