"""From a template's name to words: which one is meant, and what it says with these variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from sqlalchemy import select

from heidi_common.database.session import db
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import Template, TemplateVersion
from heidi_services.notification.service.rendering import best_locale, render

DEFAULT_LOCALE = "en"
SHIPPED = 0
"""The version of the templates that come with the program; one of that name in the database replaces them."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a message says. HTML is for e-mail; without it, the text is dressed up."""

    subject: str | None
    content: str
    html: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A template as it was at one version."""

    name: str
    locale: str
    version: int
    category: str | None
    subject: str | None
    body: str
    html: str | None = None

    def fill(self, variables: Mapping[str, object]) -> Words:
        """Raises MissingVariable or RenderingFailed."""
        subject = None if self.subject is None else render(self.subject, variables)
        html = None if self.html is None else render(self.html, variables, html=True)
        return Words(subject, render(self.body, variables), html)


def find(name: str, channel: Channel, locale: str | None) -> Source | None:
    """The current template of that name in the best language; ours, where nobody wrote another."""
    written = _written(name, channel)
    shipped = shipped_templates()
    available = set(written) | {language for known, language in shipped if known == name}
    chosen = best_locale(locale, available, DEFAULT_LOCALE)
    if chosen is None:
        return None
    return _current(written[chosen]) if chosen in written else shipped[name, chosen]


def at_version(name: str, channel: Channel, locale: str, version: int) -> Source | None:
    """The words a notification was queued with, whatever has been written since."""
    if version == SHIPPED:
        return shipped_templates().get((name, locale))
    template = _written(name, channel).get(locale)
    return None if template is None else _version(template, version)


@cache
def shipped_templates() -> dict[tuple[str, str], Source]:
    """(name, locale) -> template. A file's first line is the subject, the second its category."""
    found = {}
    for folder in (files("heidi_services.notification") / "default_templates").iterdir():
        for file in folder.iterdir():
            subject, category, _, body = file.read_text("utf-8").split("\n", 3)
            name = file.name.removesuffix(".txt")
            found[name, folder.name] = Source(name, folder.name, SHIPPED, category, subject, body)
    return found


def _written(name: str, channel: Channel) -> dict[str, Template]:
    statement = select(Template).where(Template.name == name, Template.channel == channel)
    return {template.locale: template for template in db.session.scalars(statement)}


def _current(template: Template) -> Source | None:
    return _version(template, template.current)


def _version(template: Template, number: int) -> Source | None:
    words = db.session.get(TemplateVersion, (template.id, number))
    if words is None:
        return None
    return Source(template.name, template.locale, number, template.category, words.subject, words.body, words.html)
