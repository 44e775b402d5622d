"""The words of descriptions, one module for each language. To add a language, add its module and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from heidi_services.scheduler.cron.wording.base import Wording
from heidi_services.scheduler.cron.wording.english import English
from heidi_services.scheduler.cron.wording.german import German

WORDINGS: Mapping[str, Wording] = {"en": English(), "de": German()}


def wording(language: str | None) -> Wording:
    """The words of a language.

    Args:
        language: A language tag such as `de` or `de-AT`; English is used for None and for other languages.
    """
    primary = (language or "en").partition("-")[0].lower()
    return WORDINGS.get(primary, WORDINGS["en"])
