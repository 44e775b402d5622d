"""The German catalogue has every text of the console, with the same placeholders, and no others."""

from __future__ import annotations

import re

import pytest
from babel.messages.pofile import read_po

from heidi_console.translations import FOLDER, LOCALES
from tests.console.catalogue import Text, texts

USED = texts()


def catalogue(locale: str) -> dict[Text, Text]:
    with (FOLDER / f"{locale}.po").open("rb") as file:
        return {message.id: message.string for message in read_po(file, locale=locale) if message.id}


@pytest.mark.parametrize("locale", LOCALES[1:])
def test_the_catalogue_is_complete_and_has_nothing_else(locale: str) -> None:
    translated = catalogue(locale)
    assert translated.keys() == USED
    assert [text for text, translation in translated.items() if not all(_parts(translation))] == []


@pytest.mark.parametrize("locale", LOCALES[1:])
def test_translations_have_the_placeholders_of_the_text(locale: str) -> None:
    different = {
        text for text, translation in catalogue(locale).items() if _placeholders(text) != _placeholders(translation)
    }
    assert different == set()


def _parts(text: Text) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def _placeholders(text: Text) -> set[str]:
    return set(re.findall(r"%\(\w+\)s", " ".join(_parts(text))))
