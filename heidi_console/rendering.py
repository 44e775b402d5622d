"""What all templates can use: texts, times, the navigation, the signed-in user."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from flask import Flask, current_app, request, session, url_for

from heidi_common.channels.registry import CHANNELS
from heidi_common.sdk import inbox_version
from heidi_console import access
from heidi_console.components import audit_details, json_view, paging, statuses
from heidi_console.components.line_breaks import breakable
from heidi_console.forms.durations import short_iso
from heidi_console.pages.area import Area
from heidi_console.session import signed_in
from heidi_console.session.problems import SessionsUnavailable
from heidi_console.translations import LOCALES, api_texts, catalogue, current_locale
from heidi_console.translations.numbers import kilometers, number, size
from heidi_console.translations.terms import reason, term
from heidi_console.translations.times import day_name, exact, is_ahead, relative

STATIC = Path(__file__).parent / "static"
THEMES = ("auto", "light", "dark")


def init_rendering(app: Flask, areas: Sequence[Area]) -> None:
    """Prepare Jinja for the app."""
    jinja = app.jinja_env
    jinja.trim_blocks = jinja.lstrip_blocks = True
    jinja.add_extension("jinja2.ext.i18n")
    jinja.install_gettext_callables(  # type: ignore[attr-defined]
        lambda text: catalogue(current_locale()).gettext(text),
        lambda one_item, many, number: catalogue(current_locale()).ngettext(one_item, many, number),
        newstyle=True,
    )
    jinja.filters.update(
        relative=relative,
        exact=exact,
        is_ahead=is_ahead,
        day_name=day_name,
        number=number,
        kilometers=kilometers,
        duration=short_iso,
        breakable=breakable,
        size=size,
        term=term,
        reason=reason,
        groups=groups,
        pretty=json_view.pretty,
        tone=statuses.tone,
        api_text=api_texts.api_text,
        audit_summary=audit_details.audit_summary,
    )
    jinja.globals.update(
        channel_names=lambda: list(CHANNELS),
        static_url=static_url,
        inbox_version=inbox_version,
        page_url=paging.page_url,
        area_url=area_url,
        allows=access.allows,
        LOCALES=LOCALES,
    )
    app.context_processor(lambda: _page_context(areas))


def _page_context(areas: Sequence[Area]) -> dict[str, Any]:
    try:
        user = signed_in.current_user()
    except SessionsUnavailable:
        user = None
    theme = session.get("theme")
    return {
        "user": user,
        "locale": current_locale(),
        "theme": theme if theme in THEMES else "auto",
        "navigation": [area for area in areas if user and area.label and access.allows(area.role)],
        "current_area": _area_of(request.path, areas) if request.endpoint else None,
    }


def _area_of(path: str, areas: Sequence[Area]) -> str | None:
    """The name of the area in the navigation to which a page belongs: pages of other areas stand below its URL."""
    prefixes = {f"{area.blueprint.url_prefix}/": area.name for area in areas if area.label or area.name == "search"}
    below = [prefix for prefix in prefixes if f"{path}/".startswith(prefix)]
    return prefixes[max(below, key=len)] if below else None


@dataclass
class Group:
    """A part of the navigation: areas that follow each other and have the same heading."""

    label: str
    areas: list[Area]


def groups(areas: Sequence[Area]) -> list[Group]:
    """The areas of the navigation under their headings."""
    return [Group(label, list(members)) for label, members in groupby(areas, lambda area: str(area.group))]


def area_url(area: Area) -> str:
    """The page of an area that the navigation links to: the first one that the user may open."""
    starts = [f"{area.name}.{start}" for start in area.starts]
    return url_for(next(name for name in starts if access.allows(access.required_role(current_app, name) or "ADMIN")))


@lru_cache
def static_url(name: str) -> str:
    """The URL of a static file, which changes with its content, so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return url_for("static", filename=name, v=digest)
