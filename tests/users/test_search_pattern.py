"""What a search becomes in SQL: only patterns that the trigram index can serve."""

import pytest

from heidi_services.users.service.queries import pattern


@pytest.mark.parametrize(
    ("q", "wanted"),
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
def test_less_than_three_letters_in_a_row_are_looked_for_at_the_beginning_of_a_word(q: str, wanted: str) -> None:
    assert pattern(q) == wanted
