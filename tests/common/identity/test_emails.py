"""Which texts are accepted as e-mail addresses."""

from __future__ import annotations

import pytest

from heidi_common.identity.emails import former_form, normalize_email


@pytest.mark.parametrize("local", ["a" * 64, "ü" * 32])
def test_a_local_part_of_64_bytes_is_accepted(local: str) -> None:
    assert normalize_email(f"{local}@example.test") == f"{local}@example.test"


@pytest.mark.parametrize("local", ["a" * 65, "ü" * 33])
def test_a_longer_local_part_is_rejected(local: str) -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        normalize_email(f"{local}@example.test")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" Ann@Example.TEST\t", "ann@example.test"),
        ("\u00a0ann@example.test\u200b", "ann@example.test"),
        ("\ufeffann@example.test\r\n", "ann@example.test"),
        ("ａｎｎ＠example.test", "ann@example.test"),
        ("Groß@example.test", "groß@example.test"),
        ("ΝΊΚΟΣ@example.test", "νίκος@example.test"),
        ("Zoe\u0308@example.test", "zoë@example.test"),
    ],
)
def test_addresses_in_another_notation_are_equal(text: str, address: str) -> None:
    assert normalize_email(text) == address


@pytest.mark.parametrize(
    ("first", "second"),
    [("groß", "gross"), ("νίκος", "νίκοσ"), ("sofﬁa", "soffia"), ("ann²", "ann2"), ("ŉico", "ʼnico")],
)
def test_other_letters_are_other_addresses_whose_former_form_is_equal(first: str, second: str) -> None:
    assert normalize_email(f"{first}@example.test") != normalize_email(f"{second}@example.test")
    former = {
        former_form(f"{local}@example.test") or normalize_email(f"{local}@example.test") for local in (first, second)
    }
    assert len(former) == 1


@pytest.mark.parametrize("text", ["a b@example.test", " ", "a@b@example.test", "a\u200bb@example.test"])
def test_spaces_within_an_address_are_rejected(text: str) -> None:
    with pytest.raises(ValueError):
        normalize_email(text)
