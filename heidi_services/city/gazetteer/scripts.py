"""Which scripts the names of a language are written in, to find a city's name in that language.

GeoNames' names as packages ship them do not say their language. A script that is used by few languages says it well
enough; for Latin and Cyrillic letters it does not, except where the letters of other languages can be excluded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_RANGES = {
    "am": "\u1200-\u137f",
    "bn": "\u0980-\u09ff",
    "el": "\u0370-\u03ff",
    "gu": "\u0a80-\u0aff",
    "he": "\u0590-\u05ff",
    "hy": "\u0530-\u058f",
    "ja": "\u3040-\u30ff\u4e00-\u9fff",
    "ka": "\u10a0-\u10ff",
    "km": "\u1780-\u17ff",
    "kn": "\u0c80-\u0cff",
    "ko": "\uac00-\ud7af",
    "lo": "\u0e80-\u0eff",
    "ml": "\u0d00-\u0d7f",
    "my": "\u1000-\u109f",
    "pa": "\u0a00-\u0a7f",
    "si": "\u0d80-\u0dff",
    "ta": "\u0b80-\u0bff",
    "te": "\u0c00-\u0c7f",
    "th": "\u0e00-\u0e7f",
    "zh": "\u4e00-\u9fff",
    "hi": "\u0900-\u097f",
    "ar": "\u0621-\u063a\u0641-\u0652",
    "ru": "\u0401\u0410-\u044f\u0451",
}
"""Language -> the letters of its names."""
_PATTERNS = {
    language: re.compile(f"[{letters}][{letters}\\s\\d.,'’·・ー()-]*") for language, letters in _RANGES.items()
}
# A name in kana is Japanese; one in Han characters alone may be Chinese.
_KANA = re.compile("[\u3040-\u30ff・ー\\s]+")


def first_in_script(names: Iterable[str], language: str) -> str | None:
    """Return the first name that is written in the script of a language; None if its script is not listed.

    Args:
        names: The names of a city.
        language: BCP 47 tag.
    """
    base = language.partition("-")[0].lower()
    pattern = _PATTERNS.get(base)
    if pattern is None:
        return None
    matching = [name for name in names if pattern.fullmatch(name)]
    kana = [name for name in matching if _KANA.fullmatch(name)] if base == "ja" else []
    return next(iter([*kana, *matching]), None)
