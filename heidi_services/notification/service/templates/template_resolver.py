"""Find a template by its name, channel and locale, and render it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.schemas.locales import hyphenated
from heidi_services.notification.models import Template, TemplateVersion
from heidi_services.notification.service.templates.rendering import render

DEFAULT_LOCALE = "en"
DEFAULT_VERSION = 0
"""The version of default templates, which are part of the package. A stored template of the same name and locale
overrides them."""


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """The final text of a message. Only e-mail uses `html`; without it, the HTML part is derived from `content`."""

    subject: str | None
    content: str
    html: str | None = None


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """A template at one version."""

    name: str
    locale: str
    version: int
    category: str | None
    subject: str | None
    body: str
    html: str | None = None

    def render(self, variables: Mapping[str, object], locale: str | None = None) -> RenderedMessage:
        """Render the template.

        Args:
            locale: The recipient's locale, for dates, numbers and money; None: that of the template.

        Raises:
            MissingVariable, RenderingError: As `rendering.render` does.
        """
        locale = locale or self.locale
        subject = None if self.subject is None else render(self.subject, variables, locale=locale)
        html = None if self.html is None else render(self.html, variables, html=True, locale=locale)
        return RenderedMessage(subject, render(self.body, variables, locale=locale), html)


def resolve_template(name: str, channel: str, locale: str | None) -> TemplateSource | None:
    """Find the current version of a template in the best available locale.

    Args:
        locale: The requested locale, such as `de-AT`; see `best_locale` for the fallbacks.

    Returns:
        The stored template, or else the default template; None if neither exists.
    """
    stored, defaults = _stored_templates(name, channel), default_templates()
    available = set(stored) | {language for default_name, language in defaults if default_name == name}
    best = best_locale(locale, available, DEFAULT_LOCALE)
    if best is None:
        return None
    return template_source(stored[best], stored[best].current) if best in stored else defaults[name, best]


def best_locale(requested: str | None, available: Collection[str], default: str) -> str | None:
    """Choose a locale: the requested one, else a more general one, the default, or else any available one.

    `zh-Hant-TW` is followed by `zh-Hant` and `zh`. Tags are compared in lower case and with hyphens, so that `pt_BR`
    is `pt-BR`. Source: RFC 4647, section 3.4.
    """
    by_tag = {hyphenated(locale): locale for locale in sorted(available, reverse=True)}
    subtags = hyphenated(requested or default).split("-")
    for candidate in (*("-".join(subtags[:count]) for count in range(len(subtags), 0, -1)), hyphenated(default)):
        if candidate in by_tag:
            return by_tag[candidate]
    return min(by_tag.values(), default=None)


def template_at_version(name: str, channel: str, locale: str, version: int) -> TemplateSource | None:
    """Find a template at the version with which a notification was queued, regardless of later changes."""
    if version == DEFAULT_VERSION:
        return default_templates().get((name, locale))
    template = _stored_templates(name, channel).get(locale)
    return None if template is None else template_source(template, version)


@cache
def default_templates() -> dict[tuple[str, str], TemplateSource]:
    """Read the default templates, by (name, locale).

    A file's first line is the subject, its second line the category; the body follows after an empty line.
    """
    templates = {}
    for folder in (files("heidi_services.notification") / "default_templates").iterdir():
        for file in folder.iterdir():
            subject, category, _, body = file.read_text("utf-8").split("\n", 3)
            name = file.name.removesuffix(".txt")
            templates[name, folder.name] = TemplateSource(name, folder.name, DEFAULT_VERSION, category, subject, body)
    return templates


def template_source(template: Template, number: int) -> TemplateSource | None:
    """Read one version of a stored template; None if it does not exist."""
    version = db.session.get(TemplateVersion, (template.id, number))
    if version is None:
        return None
    text = (version.subject, version.body, version.html)
    return TemplateSource(template.name, template.locale, number, template.category, *text)


def _stored_templates(name: str, channel: str) -> dict[str, Template]:
    statement = select(Template).where(Template.name == name, Template.channel == channel)
    return {template.locale: template for template in db.session.scalars(statement)}
