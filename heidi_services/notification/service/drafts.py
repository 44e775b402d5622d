"""A message before it is stored: its content or template, and the columns that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from heidi_common.problems import Invalid
from heidi_services.notification.channels.html_text import html_to_text
from heidi_services.notification.enums import GENERAL, NotificationType
from heidi_services.notification.service.attachments.selection import SelectedFiles, select_files
from heidi_services.notification.service.templates.rendering import MissingVariable, RenderingError
from heidi_services.notification.service.templates.template_resolver import (
    RenderedMessage,
    TemplateSource,
    resolve_template,
)
from heidi_services.notification.service.templates.text_limits import TextTooLong, check_length


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A message as its sender specified it: with `content`, or with `template` and `variables`.

    `attachments` are the IDs of files, which `selected_files` reads. `options` are those of the channel.
    """

    channel: str
    type: NotificationType = NotificationType.INFO
    category: str | None = None
    subject: str | None = None
    content: str | None = None
    html: str | None = None
    template: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    locale: str | None = None
    metadata: dict[str, Any] | None = None
    scheduled_for: datetime | None = None
    expires_at: datetime | None = None
    sender_id: UUID | None = None
    attachments: Sequence[UUID] | None = None
    options: Mapping[str, Any] | None = None

    def selected_files(self) -> SelectedFiles:
        """Read the attachments with the access token of the sender; raises what `select_files` does."""
        return select_files(self.attachments or (), channel=self.channel, due_at=self.scheduled_for)

    def rendered_columns(self, locale: str | None = None) -> dict[str, Any]:
        """Return the columns of the message with its final text.

        Args:
            locale: The recipient's locale, used if the draft has none.

        Raises:
            Invalid: The template does not exist, a variable is missing or unsuitable, or the text is too long for the
                channel. Names the field.
        """
        if self.template is None:
            content = html_to_text(self.html or "") if self.content is None else self.content
            return self.columns_of(RenderedMessage(self.subject, content, self.html))
        source = self.template_source(locale)
        return self.columns_of(render_or_invalid(source, self.variables, self.locale or locale), source)

    def unrendered_columns(self, source: TemplateSource) -> dict[str, Any]:
        """Return the columns of a message whose variables stay encrypted until it is sent."""
        return self.columns_of(RenderedMessage(None, ""), source) | {"content": None}

    def template_source(self, locale: str | None) -> TemplateSource:
        """Find the draft's template; raises Invalid if it does not exist."""
        assert self.template is not None
        source = resolve_template(self.template, self.channel, self.locale or locale)
        if source is None:
            raise Invalid.field("template", f"Template {self.template} not found for channel {self.channel}.")
        return source

    def columns_of(self, text: RenderedMessage, source: TemplateSource | None = None) -> dict[str, Any]:
        """Return the columns of the message with a rendered text, and the template that it comes from."""
        check_or_invalid(self.channel, text, self._text_field(source))
        return {
            "channel": self.channel,
            "type": self.type,
            "category": self.category or (source.category if source else None) or GENERAL,
            "subject": text.subject if self.subject is None else self.subject,
            "content": text.content,
            "html": text.html,
            "metadata": self.metadata,
            "template": source.name if source else None,
            "template_version": source.version if source else None,
            "locale": source.locale if source else None,
            "scheduled_for": self.scheduled_for,
            "expires_at": self.expires_at,
            "sender_id": self.sender_id,
            "options": self.options,
        }

    def _text_field(self, source: TemplateSource | None) -> str:
        if source is not None:
            return "variables"
        return "content" if self.html is None or len(self.content or "") > len(self.html) else "html"


def render_or_invalid(
    source: TemplateSource, variables: Mapping[str, Any], locale: str | None = None
) -> RenderedMessage:
    """Render a template for a recipient's locale; raises Invalid, which points to the variable that is missing."""
    try:
        return source.render(variables, locale)
    except (MissingVariable, RenderingError) as error:
        raise Invalid.field(f"/variables{error.pointer}", str(error)) from error


def check_or_invalid(channel: str, text: RenderedMessage, field: str) -> None:
    """Check the length of a text; raises Invalid, which names the field, if the channel does not transmit it."""
    try:
        check_length(channel, text.content, text.html)
    except TextTooLong as error:
        raise Invalid.field(field, str(error)) from error
