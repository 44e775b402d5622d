"""Plain letters, the form of text that searches compare: lower case, without accents."""

import re
import unicodedata
from typing import Any

from sqlalchemy import ColumnElement

UNDECOMPOSABLE_LETTERS = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "ı": "i",
        "ħ": "h",
        "ŧ": "t",
        "ŋ": "n",
        "ß": "ss",
        "ς": "σ",
    }
)
"""Lower-case letters that NFKD does not decompose into a base letter and a combining mark."""
_COMBINING_MARKS = re.compile("[\u0300-\u036f]")


def plain_letters(text: str) -> str:
    """Reduce text to lower-case letters without accents: `José` becomes `jose`.

    The SQL function of the same name computes the column `users.search`. Both must return the same text.

    Args:
        text: Text in any Unicode normalization form.

    Returns:
        The text in NFC without combining marks, with letters such as `ø` and `ß` spelled as `o` and `ss`.
    """
    unaccented = _COMBINING_MARKS.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFC", unaccented).lower().translate(UNDECOMPOSABLE_LETTERS)


def contains(column: Any, text: str) -> ColumnElement[bool]:
    """The condition that a column of plain letters contains a text, whatever the text's case and accents."""
    letters = " ".join(plain_letters(text).split())
    condition: ColumnElement[bool] = column.contains(letters, autoescape=True)
    return condition
