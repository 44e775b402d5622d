"""The languages of CLDR, from the package Babel."""

from __future__ import annotations

import re
from collections.abc import Iterator

from babel import Locale, localedata

# Nearly all languages of which CLDR has more than a few names.
_LANGUAGES = re.compile("([a-z]{2}|ckb|fil|haw|yue)(_[A-Z][a-z]{3})?$")


def locales() -> Iterator[tuple[str, Locale]]:
    """Yield (BCP 47 tag in lower case, locale) of the languages, without their variants for territories."""
    for identifier in localedata.locale_identifiers():
        if _LANGUAGES.match(identifier):
            yield identifier.replace("_", "-").lower(), Locale.parse(identifier)
