"""Names as people type them: one folded form for the index and for the question."""

import re
import unicodedata
from collections.abc import Iterable

from heidi_common.database.text_search import UNDECOMPOSABLE_LETTERS

LETTERS = "abcdefghijklmnopqrstuvwxyz"

SHORTEST_FOR_TYPOS = 4
"""A shorter word is one typo away from half the map."""

# Combining marks; planes beyond the first two have none.
_MARKS = dict.fromkeys(code for code in range(0x300, 0x20000) if unicodedata.combining(chr(code)))
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_APOSTROPHES = re.compile("['`´ʹʻʼʽʾʿˈ‘’′]")
_SEPARATORS = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """Lower case, no marks, no punctuation, single spaces: `São  Tomé-` becomes `sao tome`."""
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(UNDECOMPOSABLE_LETTERS)).translate(_MARKS)
        # Composed again, so that a Korean syllable is one letter; the fold of a fold is itself.
        text = unicodedata.normalize("NFC", text.casefold())
    return _SEPARATORS.sub(" ", _APOSTROPHES.sub("", text)).strip()


def index_names(names: Iterable[str]) -> list[str]:
    """Every folded form under which a place can be found: `München` as munchen and as muenchen."""
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
    """All spellings that one slip (a letter missing, doubled, wrong, or two swapped) could have made of `word`."""
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    spellings = {a + b[1:] for a, b in cuts if b}
    spellings |= {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    alphabet = LETTERS + " "
    spellings |= {a + letter + b[1:] for a, b in cuts if b for letter in alphabet}
    spellings |= {a + letter + b for a, b in cuts for letter in alphabet}
    return sorted(spellings - {word})
