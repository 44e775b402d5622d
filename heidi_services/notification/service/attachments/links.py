"""The part of an e-mail that offers files which were too large to be attached."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from uuid import UUID

from babel import Locale, UnknownLocaleError, dates, numbers

from heidi_common.crypto.file_links import content_url, link_url
from heidi_services.notification.service.templates.template_resolver import RenderedMessage

_TEXTS = {
    "en": ("Files to download:", "{name} ({size} MB), until {date}", "{name} ({size} MB)"),
    "de": ("Dateien zum Herunterladen:", "{name} ({size} MB), bis {date}", "{name} ({size} MB)"),
}
_BODY_END = re.compile(r"</body\s*>(?!.*</body)", re.IGNORECASE | re.DOTALL)


def with_file_links(
    text: RenderedMessage, records: Sequence[Mapping[str, Any]] | None, locale: str | None
) -> RenderedMessage:
    """Add the links of a message's large files to its text, and to its HTML if it has its own.

    Args:
        text: The text of the message.
        records: The files of the message, as they are stored.
        locale: The language of the text.
    """
    linked = [record for record in records or () if "linkId" in record]
    if not linked:
        return text
    lines = [(_label(record, _locale(locale)), _url(record)) for record in linked]
    heading = _texts(_locale(locale))[0]
    content = "\n\n".join([text.content.rstrip(), heading, *(f"{label}:\n{url}" for label, url in lines)])
    if not text.html:
        return RenderedMessage(text.subject, content)
    items = "".join(f'<li><a href="{escape(url)}">{escape(label)}</a></li>' for label, url in lines)
    return RenderedMessage(text.subject, content, _inserted(text.html, f"<p>{heading}</p><ul>{items}</ul>\n"))


def _inserted(html: str, part: str) -> str:
    end = _BODY_END.search(html)
    position = len(html) if end is None else end.start()
    return html[:position] + part + html[position:]


def _url(record: Mapping[str, Any]) -> str:
    if record["linkId"] is None:
        return content_url(UUID(record["fileId"]))
    return link_url(UUID(record["linkId"]))


def _label(record: Mapping[str, Any], locale: Locale) -> str:
    size = numbers.format_decimal(max(0.1, record["bytes"] / 1_000_000), "0.0", locale=locale)
    _, limited, unlimited = _texts(locale)
    if record["expiresAt"] is None:
        return unlimited.format(name=record["name"], size=size)
    expires_at = datetime.fromisoformat(record["expiresAt"])
    return limited.format(name=record["name"], size=size, date=dates.format_date(expires_at, "long", locale=locale))


def _texts(locale: Locale) -> tuple[str, str, str]:
    return _TEXTS.get(locale.language, _TEXTS["en"])


def _locale(name: str | None) -> Locale:
    """English for languages without a translation, so that a label is in one language."""
    try:
        locale = Locale.parse((name or "en").replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        locale = Locale("en")
    return locale if locale.language in _TEXTS else Locale("en")
