"""Conversion of a search query into a LIKE pattern that the trigram index supports."""

import pytest

from heidi_services.users.service.queries import search_pattern


@pytest.mark.parametrize(
    ("q", "pattern"),
    [
        ("Ada", "%ada%"),
        ("jo", "% jo%"),
        ("a%b", "% a\\%b%"),
        ("a_b", "% a\\_b%"),
        ("ab cd", "% ab cd%"),
        ("x abc", "%x abc%"),
        ("JOSÉ", "%jose%"),
        ("Łó", "% lo%"),
        ("ß", "% ss%"),
        (" Jose \t García ", "%jose garcia%"),
        ("％", "% \\%%"),
    ],
)
def test_a_query_without_three_letters_in_a_row_matches_at_the_beginning_of_a_word(q: str, pattern: str) -> None:
    assert search_pattern(q) == pattern
