from __future__ import annotations

import unicodedata

import pytest

from heidi_common.identity.password_hashing import PasswordHasher

SAME = {
    "accents": "Åse får blåbærsyltetøy",
    "Korean": "한국어 비밀번호는 안전합니다",
    "Vietnamese": "Mật khẩu rất dài",
    "Devanagari": "क़लम और ग़ज़ल पासवर्ड",
}
DIFFERENT = [("ligature ﬁnland sauna", "ligature finland sauna"), ("１２３４ garden gnomes", "1234 garden gnomes")]


@pytest.fixture(scope="module")
def hasher() -> PasswordHasher:
    return PasswordHasher()


@pytest.mark.parametrize("name", SAME)
def test_composed_and_decomposed_text_is_one_password(hasher: PasswordHasher, name: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, SAME[name]) for form in ("NFC", "NFD"))
    for first, second in ((composed, decomposed), (decomposed, composed)):
        assert hasher.verify(hasher.hash(first), second).is_correct


@pytest.mark.parametrize("space", ["\u00a0", "\u2003", "\u3000"])
def test_other_spaces_are_spaces(hasher: PasswordHasher, space: str) -> None:
    assert hasher.verify(hasher.hash(f"violet{space}harbour lantern"), "violet harbour lantern").is_correct


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_characters_that_only_look_alike_are_different(hasher: PasswordHasher, first: str, second: str) -> None:
    assert not hasher.verify(hasher.hash(first), second).is_correct


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("stored_form", ["NFC", "NFD"])
@pytest.mark.parametrize("entered_form", ["NFC", "NFD"])
def test_hashes_of_the_text_as_it_was_typed_still_match(
    hasher: PasswordHasher, name: str, stored_form: str, entered_form: str
) -> None:
    typed = unicodedata.normalize(stored_form, SAME[name])
    stored = hasher._hash(typed)
    check = hasher.verify(stored, unicodedata.normalize(entered_form, SAME[name]))
    assert check.is_correct and check.needs_rehash == (not unicodedata.is_normalized("NFC", typed))
    assert not hasher.verify(stored, SAME[name] + "!").is_correct
