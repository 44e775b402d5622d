"""Mails of the auth service: asked for on the bus, written and delivered by the notification service.

The fact holds ids only; the address and the links travel sealed beside it. Links are built from the configured
public address, never from what a request says.
"""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

from uuid_utils.compat import uuid7

from heidi_common.messaging.events import NotificationSend
from heidi_common.messaging.outbox import emit
from heidi_common.runtime import current_settings

CATEGORY = "security"


class Addressee(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def email(self) -> str: ...
    @property
    def first_name(self) -> str | None: ...
    @property
    def locale(self) -> str | None: ...


def send(template: str, to: Addressee, *, kind: str = "INFO", **variables: Any) -> None:
    """Ask for a mail, within the caller's transaction."""
    fact = NotificationSend(
        id=uuid7(),
        about_user=to.id,
        channel="EMAIL",
        notification_type=kind,
        category=CATEGORY,
        template=template,
        locale=to.locale,
    )
    shown = {"firstName": to.first_name or "", "email": to.email, **variables}
    emit(fact, secret_data={"recipient": to.email, "variables": shown})


def link(path: str, token: str) -> str:
    """`https://public.example/verify-email#token=...`: a fragment stays out of every log on the way."""
    settings = current_settings()
    return f"{settings.frontend_url or settings.public_base_url}/{path}#token={token}"
