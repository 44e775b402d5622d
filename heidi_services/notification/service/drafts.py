"""What is to be said, before there is a row for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from heidi_common.problems import Invalid
from heidi_services.notification.enums import GENERAL, Channel, Type
from heidi_services.notification.service import template_resolver
from heidi_services.notification.service.rendering import MissingVariable, RenderingFailed


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A message as its sender gave it: words, or a template with variables."""

    channel: Channel
    type: Type = Type.INFO
    category: str | None = None
    subject: str | None = None
    content: str | None = None
    template: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    locale: str | None = None
    metadata: dict[str, Any] | None = None
    scheduled_for: datetime | None = None
    expires_at: datetime | None = None
    sender_id: UUID | None = None

    def written(self, locale: str | None = None) -> dict[str, Any]:
        """The columns that say what it says; `locale` is the reader's. Raises Invalid, naming the field."""
        if self.template is None:
            return self._columns(template_resolver.Words(self.subject, self.content or ""))
        source = self.source(locale)
        try:
            words = source.fill(self.variables)
        except MissingVariable as error:
            raise Invalid.field(f"/variables/{error.name}", str(error)) from error
        except RenderingFailed as error:
            raise Invalid.field("variables", str(error)) from error
        return self._columns(words, source)

    def source(self, locale: str | None) -> template_resolver.Source:
        assert self.template is not None
        found = template_resolver.find(self.template, self.channel, self.locale or locale)
        if found is None:
            raise Invalid.field("template", f"There is no template {self.template} for {self.channel}")
        return found

    def unwritten(self, source: template_resolver.Source) -> dict[str, Any]:
        """The columns of a message whose variables stay sealed until it is sent."""
        return self._columns(template_resolver.Words(None, ""), source) | {"content": None}

    def _columns(
        self, words: template_resolver.Words, source: template_resolver.Source | None = None
    ) -> dict[str, Any]:
        return {
            "channel": self.channel,
            "type": self.type,
            "category": self.category or (source.category if source else None) or GENERAL,
            "subject": words.subject if self.subject is None else self.subject,
            "content": words.content,
            "html": words.html,
            "metadata": self.metadata,
            "template": source.name if source else None,
            "template_version": source.version if source else None,
            "locale": source.locale if source else None,
            "scheduled_for": self.scheduled_for,
            "expires_at": self.expires_at,
            "sender_id": self.sender_id,
        }
