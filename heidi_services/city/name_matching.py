"""Normalization of city names for search: the same folded form for the index and for queries, and typos of it."""

import re
import unicodedata
from collections.abc import Iterable

from heidi_common.database.text_search import UNDECOMPOSABLE_LETTERS

LETTERS = "abcdefghijklmnopqrstuvwxyz"

MIN_LENGTH_FOR_TYPOS = 4
"""Shorter words are one typo away from too many names."""

# Combining marks; planes beyond the first two contain none.
_MARKS = dict.fromkeys(code for code in range(0x300, 0x20000) if unicodedata.combining(chr(code)))
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_APOSTROPHES = re.compile("['`´ʹʻʼʽʾʿˈ‘’′\N{ARABIC TATWEEL}]")
"""Removed without leaving a space, like the tatweel, which only stretches an Arabic word."""
_SEPARATORS = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """Fold to lower case without marks and punctuation, with single spaces: `São  Tomé-` becomes `sao tome`."""
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(UNDECOMPOSABLE_LETTERS)).translate(_MARKS)
        # Composed again, so that a Korean syllable counts as one letter and folding twice changes nothing.
        text = unicodedata.normalize("NFC", text.casefold())
    return _SEPARATORS.sub(" ", _APOSTROPHES.sub("", text)).strip()


def index_names(names: Iterable[str]) -> list[str]:
    """Return every folded form under which a city is indexed: `München` as munchen and as muenchen."""
    forms: dict[str, None] = {}
    for name in names:
        forms[fold(name)] = None
        if not name.isascii():
            plain = unicodedata.normalize("NFC", name).casefold()
            spelled_out = plain.translate(_SPELLED_OUT)
            if spelled_out != plain:
                forms[fold(spelled_out)] = None
    forms.pop("", None)
    return list(forms)


def one_typo_away(word: str) -> list[str]:
    """Return all words of which `word` is a misspelling by one typo.

    A typo is a missing, additional or wrong letter, or two swapped letters (Damerau-Levenshtein distance 1).
    """
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    alphabet = LETTERS + " "
    spellings = {a + b[1:] for a, b in cuts if b}
    spellings |= {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    spellings |= {a + letter + b[1:] for a, b in cuts if b for letter in alphabet}
    spellings |= {a + letter + b for a, b in cuts for letter in alphabet}
    return sorted(spellings - {word})
