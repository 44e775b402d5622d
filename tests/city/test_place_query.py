"""How a search text is read: the name of a place, and what follows it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heidi_services.city.name_matching import fold
from heidi_services.city.place_query import MAX_WORDS, parse, phrases
from heidi_services.city.spellings import MAX_SPELLINGS, spellings


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Paris, Texas", ("paris", "texas")),
        ("Lagos; Nigeria", ("lagos", "nigeria")),
        ("القاهرة، مصر", ("القاهرة", "مصر")),
        ("札幌、北海道", ("札幌", "北海道")),
        ("Halle (Saale)", ("halle", "saale")),
        ("Lima | Peru", ("lima", "peru")),
        ("Oslo - Norway", ("oslo", "norway")),
        ("Baden-Baden", ("baden baden",)),
        ("Rome,,Italy,", ("rome", "italy")),
    ],
)
def test_a_text_is_divided_at_its_commas(text: str, parts: tuple[str, ...]) -> None:
    assert parse(text).parts == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("D-10115 Berlin", ("berlin",)),
        ("1010 Wien, Austria", ("wien", "austria")),
        ("London SW1A 1AA", ("london",)),
        ("Toronto, ON M5V 2T6", ("toronto", "on")),
        ("Cambridge MA 02139-1234", ("cambridge ma",)),
        ("〒100-0001 東京", ("東京",)),
        ("10115", ("10115",)),
    ],
)
def test_postal_codes_are_left_out_unless_there_is_nothing_else(text: str, parts: tuple[str, ...]) -> None:
    assert parse(text).parts == parts


def test_the_longest_name_is_read_first() -> None:
    names = [reading.name for reading in parse("new york ny").readings()]
    assert names[:2] == ["new york", "new"]


@given(st.text(max_size=200))
def test_any_text_is_parsed(text: str) -> None:
    query = parse(text)
    assert query.text == fold(text)
    assert all(reading.name for reading in query.readings())
    assert query.parts or not query.text


@given(st.text(max_size=100))
def test_the_text_itself_is_its_first_spelling(text: str) -> None:
    forms = spellings(fold(text))
    assert forms[0] == fold(text) and 1 <= len(forms) <= MAX_SPELLINGS


def test_a_text_of_many_words_is_a_single_name() -> None:
    assert not parse("a " * (MAX_WORDS + 1)).is_qualified
    assert list(phrases("a b")) == ["a", "a b", "b"]


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("st charles", "saint charles"),
        ("saint cloud", "st cloud"),
        ("sta cruz", "santa cruz"),
        ("sto domingo", "santo domingo"),
        ("n little rock", "north little rock"),
        ("w hollywood", "west hollywood"),
        ("mt isa", "mount isa"),
        ("arlington hts", "arlington heights"),
        ("frankfurt a m", "frankfurt am main"),
        ("neustadt a d weinstrasse", "neustadt an der weinstrasse"),
        ("とうきょう", "トウキョウ"),
        ("オオサカ", "おおさか"),
        ("東京", "东京"),
        ("旧金山", "舊金山"),
        ("伦敦", "倫敦"),
        ("تهران یزد", "تهران يزد"),
        ("横浜市", "横浜"),
        ("부산광역시", "부산"),
    ],
)
def test_other_spellings(text: str, spelling: str) -> None:
    assert spelling in spellings(text)


@pytest.mark.parametrize("word", ["القاهـرة", "دمـشـق", "بـغـداد"])
def test_a_tatweel_is_ignored(word: str) -> None:
    assert fold(word) == fold(word.replace("\N{ARABIC TATWEEL}", ""))
