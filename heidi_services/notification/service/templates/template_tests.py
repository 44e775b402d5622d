"""Send a template to its author, to see it as a recipient would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from heidi_common.database.transactions import transaction
from heidi_common.problems import Invalid
from heidi_services.notification.enums import CRITICAL
from heidi_services.notification.models import Notification
from heidi_services.notification.service.drafts import Draft, render_or_invalid
from heidi_services.notification.service.enqueue import insert_notification
from heidi_services.notification.service.templates.templates import current_source


def send_test(template_id: UUID, user_id: UUID, variables: Mapping[str, Any], locale: str | None) -> Notification:
    """Enqueue the current version of a template to a user.

    The message has the category `critical`, so that muted categories and quiet hours do not hold it back.

    Args:
        template_id: The template, in its own channel and locale.
        user_id: The recipient, who is the sender, too.
        variables: The template's variables.
        locale: For numbers and dates; by default that of the template.

    Raises:
        NotFound: The template does not exist.
        Invalid: A variable is missing or unsuitable.
    """
    with transaction():
        template, source = current_source(template_id)
        text = render_or_invalid(source, variables, locale)
        draft = Draft(channel=template.channel, category=CRITICAL, metadata={"isTest": True}, sender_id=user_id)
        notification = insert_notification(user_id, draft.columns_of(text, source))
    if notification is None:
        raise Invalid.field("/variables", "Your account does not exist any more.")
    return notification
