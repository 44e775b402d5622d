"""The German catalogue has every text of the console, with the same placeholders, and no others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import pytest
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient

from heidi_common.identity.models import Role
from heidi_common.identity.scopes import DESCRIPTIONS
from heidi_console.forms.schema import schema_fields
from heidi_console.translations import FOLDER, LOCALES
from heidi_services.integration.service.deactivation import SENTENCES
from tests.conftest import SignedIn
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


@pytest.mark.parametrize("path", ["schedules/actions", "core/operation-types", "integrations/providers"])
def test_the_texts_of_the_api_are_translated(
    app: Flask, client: FlaskClient, as_user: Callable[..., SignedIn], path: str
) -> None:
    """What actions, operations and providers are for, and the names and hints of the fields of their forms."""
    kinds = client.get(f"/api/v1/{path}", headers=as_user(Role.ADMIN).headers).json["data"]
    fields = [field for kind in kinds for field in schema_fields(kind.get("payload") or kind.get("input") or {}, {})]
    shown = {
        *(kind["description"] for kind in kinds),
        *(text for field in fields for text in (field.label, field.hint)),
    }
    assert _untranslated(shown) == set()


def test_scopes_and_the_reasons_of_disabled_webhooks_are_translated() -> None:
    assert _untranslated([*DESCRIPTIONS.values(), *SENTENCES.values()]) == set()


def _untranslated(shown: Iterable[str]) -> set[str]:
    translated = {text.replace("`", "") for text in catalogue("de") if isinstance(text, str)}
    return {text for text in shown if text and text.replace("`", "") not in translated}
