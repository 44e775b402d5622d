"""Other spellings of a search text: abbreviations, kana, traditional and simplified Chinese, Persian letters."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import islice, product

import jaconv
import opencc

from heidi_services.city.name_matching import fold

MAX_SPELLINGS = 12
"""Each spelling is a further condition of the search."""

WORDS: dict[str, tuple[str, ...]] = {
    "st": ("saint", "sankt"),
    "saint": ("st",),
    "sankt": ("st",),
    "ste": ("sainte",),
    "sainte": ("ste",),
    "sta": ("santa",),
    "sto": ("santo",),
    "ft": ("fort",),
    "fort": ("ft",),
    "mt": ("mount", "mont"),
    "mount": ("mt",),
    "pt": ("point", "port"),
    "n": ("north",),
    "no": ("north",),
    "s": ("south",),
    "so": ("south",),
    "e": ("east",),
    "w": ("west",),
    "hts": ("heights",),
    "spgs": ("springs",),
    "spg": ("spring",),
    "bch": ("beach",),
    "cty": ("city",),
    "lk": ("lake",),
    "pk": ("park",),
    "jct": ("junction",),
    "vlg": ("village",),
    "is": ("island",),
    "gt": ("great",),
    "lit": ("little",),
    "upr": ("upper",),
    "lwr": ("lower",),
}
"""Words of place names -> what they stand for or are abbreviated as."""

PHRASES = (
    ("a m", "am main"),
    ("a d", "an der"),
    ("o d t", "ob der tauber"),
    ("o d", "ob der"),
    ("i br", "im breisgau"),
    ("i d opf", "in der oberpfalz"),
    ("i d", "in der"),
    ("b", "bei"),
    ("s", "sur"),
)
"""Abbreviated ends of German and French names, as in `Frankfurt a. M.` and `Chalon s/ Saône`."""

_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fc\\s]+")
_LONG_VOWELS = (("ou", "o"), ("oo", "o"), ("uu", "u"), ("-", ""))
"""Latin names mark long vowels by a macron or leave them out: とうきょう is Tōkyō."""
_KATAKANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_HIRAGANA = {katakana: hiragana for hiragana, katakana in _KATAKANA.items()}
_PERSIAN = str.maketrans("یکہۀ", "يكهه")
_ARABIC = str.maketrans("يكى", "یکی")
_CHINESE = re.compile("[\u3400-\u9fff]")
# The word for "city" after a name: people write 大阪市 for 大阪.
_CITY = re.compile("(?<=..)(市|시|특별시|광역시)$")


def spellings(text: str) -> list[str]:
    """Return a folded text and its other spellings, folded, the text itself first.

    Args:
        text: Folded by `name_matching.fold`.
    """
    words = _expanded(text) if text.isascii() else _other_letters(text)
    return list(islice(dict.fromkeys([text, *words]), MAX_SPELLINGS))


def romanized(text: str) -> list[str]:
    """Return the Latin spellings of a Japanese name in kana: `toukyou` and `tokyo`; empty for any other text.

    Args:
        text: Not folded, because folding removes the marks of voiced consonants.
    """
    wide = unicodedata.normalize("NFKC", text).strip()
    if not _KANA.fullmatch(wide):
        return []
    latin = short = jaconv.kana2alphabet(jaconv.kata2hira(wide))
    for long, vowel in _LONG_VOWELS:
        short = short.replace(long, vowel)
    return [fold(short), fold(latin)]


def _expanded(text: str) -> list[str]:
    words = text.split()
    choices = [(word, *WORDS.get(word, ())) for word in words]
    expanded = [" ".join(choice) for choice in islice(product(*choices), MAX_SPELLINGS)]
    return expanded + [written_out for short, full in PHRASES if (written_out := _replaced(text, short, full))]


def _replaced(text: str, short: str, full: str) -> str:
    """Replace an abbreviation that is not the first word; empty if the text does not contain it."""
    before, separator, after = f"{text} ".partition(f" {short} ")
    return f"{before} {full} {after}".strip() if separator else ""


def _other_letters(text: str) -> list[str]:
    forms = [text.translate(table) for table in (_KATAKANA, _HIRAGANA, _PERSIAN, _ARABIC)]
    if _CHINESE.search(text):
        forms += [fold(convert.convert(text)) for convert in _converters()]
    return [text, *forms, *(_CITY.sub("", form) for form in (text, *forms))]


@cache
def _converters() -> tuple[opencc.OpenCC, ...]:
    """The conversions are loaded with the first Chinese text."""
    return opencc.OpenCC("t2s"), opencc.OpenCC("s2t")
