"""Language tags: any well-formed one is accepted.

Source: RFC 5646, section 2.1; languages of four to eight letters are reserved and left out.
"""

from __future__ import annotations

import re
from typing import Any

from marshmallow import ValidationError

from heidi_common.schemas.fields import Text

MAX_LENGTH = 64
"""Source: RFC 5646, section 4.4.1, which requires at least 35."""

_TAG = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}"  # language, extended language
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"  # script, region
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"  # variants
    r"(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"  # extensions, private use
    r"|x(?:-[a-z0-9]{1,8})+"
    r"|i-(?:ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)"  # registered irregular tags
    r"|en-gb-oed|sgn-(?:be-fr|be-nl|ch-de))\Z"
)


_POSIX = re.compile(r"(?P<tag>[^.@]+)(\.[\w-]+)?(@(?P<modifier>\w+))?", re.ASCII)
_SCRIPT_MODIFIERS = {"latin": "latn", "cyrillic": "cyrl", "devanagari": "deva"}


class LocaleTag(Text):
    """A language tag, loaded in the usual form.

    `ES-419` becomes `es-419`, `zh_hant_tw` becomes `zh-Hant-TW`, `de_DE.UTF-8` becomes `de-DE`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max=MAX_LENGTH, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return format_tag(super()._deserialize(value, attr, data, **kwargs))


def format_tag(tag: str) -> str:
    """Validate a language tag and write it in the usual case, with hyphens.

    Raises:
        ValidationError: It is not well-formed.

    Source: RFC 5646, section 2.1.1.
    """
    subtags = validate_tag(tag).split("-")
    single = next((place for place, subtag in enumerate(subtags) if len(subtag) == 1), len(subtags))
    formatted = [subtags[0], *(_format_subtag(subtag) for subtag in subtags[1:single]), *subtags[max(single, 1) :]]
    return "-".join(formatted)


def validate_tag(tag: str) -> str:
    """Return a language tag in lower case, with hyphens and without what POSIX adds (`sr_RS.UTF-8@latin`).

    Raises:
        ValidationError: It is not well-formed.
    """
    lowered = hyphenated(tag)
    if not _TAG.match(lowered):
        raise ValidationError("Must be a language tag (BCP 47), such as de, de-AT or es-419.")
    return lowered


def hyphenated(tag: str) -> str:
    """Return what a program calls a locale in lower case and with hyphens, valid or not.

    POSIX adds an encoding, which is dropped, and a modifier, which may name the script.
    """
    lowered = tag.strip(" ").lower().replace("_", "-")
    match = _POSIX.fullmatch(lowered)
    if match is None:
        return lowered
    language, *others = match["tag"].split("-")
    script = _SCRIPT_MODIFIERS.get(match["modifier"] or "")
    return "-".join([language, script, *others] if script else [language, *others])


def _format_subtag(subtag: str) -> str:
    if len(subtag) == 2:
        return subtag.upper()
    return subtag.capitalize() if len(subtag) == 4 else subtag
