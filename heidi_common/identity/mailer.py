"""Request e-mails: an event asks the notification service to write and deliver them.

The event contains IDs only; the address and the links travel encrypted beside it. Links are built from the configured
public URL, never from the request.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from uuid_utils.compat import uuid7

from heidi_common.messaging.events import NotificationSend
from heidi_common.messaging.outbox import emit
from heidi_common.runtime import current_settings
from heidi_common.schemas.person_names import name_error

CATEGORY = "security"


class EmailRecipient(Protocol):
    """The columns of a user that an e-mail needs."""

    @property
    def id(self) -> UUID: ...
    @property
    def email(self) -> str: ...
    @property
    def email_verified_at(self) -> datetime | None: ...
    @property
    def first_name(self) -> str | None: ...
    @property
    def locale(self) -> str | None: ...


def send(
    template: str,
    to: EmailRecipient,
    *,
    address: str | None = None,
    notification_type: str = "INFO",
    **variables: Any,
) -> None:
    """Request an e-mail within the caller's transaction.

    Args:
        template: Name of a template of the notification service.
        to: The user. `firstName` (see `greeting_name`) and `email` are variables of every template.
        address: An earlier or a future address of the user, instead of the present one. The e-mail contains no name.
        notification_type: `INFO`, `WARNING` or `ALERT`.
        **variables: Further variables of the template.
    """
    event = NotificationSend(
        id=uuid7(),
        about_user=to.id,
        channel="EMAIL",
        notification_type=notification_type,
        category=CATEGORY,
        template=template,
        locale=to.locale,
    )
    recipient, name = (to.email, greeting_name(to)) if address is None else (address, "")
    template_variables = {"firstName": name, "email": recipient, **variables}
    emit(event, secret_data={"recipient": recipient, "variables": template_variables})


def greeting_name(to: EmailRecipient) -> str:
    """The first name for a greeting; empty if the address is not verified.

    A user who registers another person's address chooses the name, and could send that person any text in it. It is
    also empty for a name that an earlier version accepted and that is rejected today.
    """
    name = to.first_name or ""
    return name if to.email_verified_at is not None and name_error(name) is None else ""


def page_link(page: str, token: str) -> str:
    """Build `https://public.example/verify-email#token=...`: servers and logs do not see what follows `#`."""
    settings = current_settings()
    return f"{settings.frontend_url or settings.public_base_url}/{page}#token={token}"
