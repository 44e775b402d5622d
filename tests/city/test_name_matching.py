"""Folding of names, and words that are one typo apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heidi_services.city.name_matching import LETTERS, fold, index_names, one_typo_away

words = st.text(LETTERS, min_size=2, max_size=12)


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("München", "munchen"),
        ("MÜNCHEN", "munchen"),
        ("Mu\u0308nchen", "munchen"),
        ("Saint-Étienne", "saint etienne"),
        ("Frankfurt (Oder)", "frankfurt oder"),
        ("L'Aquila", "laquila"),
        ("L’Aquila", "laquila"),
        ("Łódź", "lodz"),
        ("Tromsø", "tromso"),
        ("Weißenburg", "weissenburg"),
        ("İstanbul", "istanbul"),
        ("Москва", "москва"),
        ("서울", "서울"),
        ("東京", "東京"),
        ("100%_", "100"),
        ("  -  ", ""),
    ],
)
def test_names_are_folded(name: str, folded: str) -> None:
    assert fold(name) == folded


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_a_fold_contains_no_wildcards_of_like(text: str) -> None:
    assert not set(fold(text)) & set("%_\\")


@given(st.text())
def test_case_does_not_matter(text: str) -> None:
    assert fold(text.casefold()) == fold(text)


def test_german_letters_are_indexed_spelled_out_and_plain() -> None:
    assert index_names(["München", "Düsseldorf"]) == ["munchen", "muenchen", "dusseldorf", "duesseldorf"]


def test_every_form_is_indexed_once() -> None:
    assert index_names(["Munchen", "MUNCHEN", "munchen", "-"]) == ["munchen"]


@given(words, st.data())
def test_every_single_typo_is_covered(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 2))
    letter = data.draw(st.sampled_from(LETTERS))
    typos = [
        word[:at] + word[at + 1 :],
        word[:at] + letter + word[at:],
        word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    ]
    for typo in typos:
        assert typo == word or word in one_typo_away(typo)


@given(words)
def test_the_word_itself_is_not_a_typo(word: str) -> None:
    assert word not in one_typo_away(word)
