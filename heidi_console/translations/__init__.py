"""English and German. The English text is the key; `de.po` has the German one.

Templates use `_("text")` and `ngettext(...)`; modules use `translate`, and `lazy` where a text is declared before the
language is known. To add a language, add its catalogue. `tests/console/test_translations.py` compares them.
"""

from __future__ import annotations

from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import LazyProxy
from flask import has_request_context, request, session

FOLDER = Path(__file__).parent
SOURCE = "en"
LOCALES = (SOURCE, *sorted(path.stem for path in FOLDER.glob("*.po")))


def current_locale() -> str:
    """The language of the page: the one that the user selected, that of the account, or that of the browser."""
    if not has_request_context():
        return SOURCE
    chosen = session.get("locale")
    return chosen if chosen in LOCALES else request.accept_languages.best_match(LOCALES) or SOURCE


def translate(text: str, **values: Any) -> str:
    """Translate a text into the language of the page, and insert values at `%(name)s`."""
    translated = catalogue(current_locale()).gettext(text) if text else ""
    return translated % values if values else translated


def translate_count(singular: str, plural: str, count: int, **values: Any) -> str:
    """Translate a text with a number, which is inserted at `%(num)s`."""
    return catalogue(current_locale()).ngettext(singular, plural, count) % (values | {"num": count})


def lazy(text: str) -> str:
    """A text that is translated each time it is shown."""
    return LazyProxy(translate, text, enable_cache=False)  # type: ignore[return-value]


@lru_cache
def catalogue(locale: str) -> NullTranslations:
    """The texts of a language."""
    if locale == SOURCE:
        return NullTranslations()
    with (FOLDER / f"{locale}.po").open("rb") as file:
        compiled = BytesIO()
        write_mo(compiled, read_po(file, locale=locale))
    compiled.seek(0)
    return GNUTranslations(compiled)
