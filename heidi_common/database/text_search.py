"""Letters as people type them: without accents, in lower case."""

import re
import unicodedata

WHOLE_LETTERS = str.maketrans(
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
"""Small letters that Unicode does not take apart into a base letter and a mark."""
_MARKS = re.compile("[\u0300-\u036f]")


def plain_letters(text: str) -> str:
    """`José` becomes `jose`: what `plain_letters` does in the database, of which people's `search` is made."""
    bare = _MARKS.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFC", bare).lower().translate(WHOLE_LETTERS)
