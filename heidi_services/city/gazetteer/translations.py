"""Translations of the names of ISO 3166-2, by the project iso-codes, from the package pycountry."""

from __future__ import annotations

import gettext
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import pycountry

T = TypeVar("T")
LANGUAGES = {"zh_CN": "zh", "zh_TW": "zh-hant", "zh_HK": "zh-hant-hk", "nb_NO": "nb"}
"""Directories whose language has another BCP 47 tag."""


def of(names: Mapping[str, T]) -> Iterator[tuple[str, str, T]]:
    """Yield (language, translation, value) of names, language by language, so that one catalog is in memory at a time.

    Args:
        names: A name as ISO spells it -> what the caller associates with it.
    """
    for path in sorted(Path(pycountry.LOCALES_DIR).glob("*/LC_MESSAGES/iso3166-2.mo")):
        with path.open("rb") as file:
            catalog = gettext.GNUTranslations(file)
        for name, value in names.items():
            translation = catalog.gettext(name)
            if translation != name:
                yield _language(path.parts[-3]), translation, value


def _language(directory: str) -> str:
    tag = LANGUAGES.get(directory, directory).replace("@latin", "_latn").replace("@", "_")
    return tag.replace("_", "-").lower()
