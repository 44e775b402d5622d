"""Switch an integration off on behalf of the platform, and notify its owner."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from uuid_utils.compat import uuid7

from heidi_common.database.session import db
from heidi_common.identity import mailer
from heidi_common.identity.models import User
from heidi_common.messaging.events import IntegrationDisabled, NotificationSend
from heidi_common.messaging.outbox import emit
from heidi_services.integration.models import Integration


class DisabledReason(StrEnum):
    """Why an integration was switched off; the value of `reason` in the event."""

    GONE = "gone"
    FAILING = "failing"
    OPERATOR = "operator"


SENTENCES = {
    DisabledReason.GONE: "The endpoint returned 410 Gone.",
    DisabledReason.FAILING: "Every delivery of the last five days failed.",
    DisabledReason.OPERATOR: "An administrator switched it off.",
}
"""What `disabledReason` of an integration says."""


def deactivate(integration_id: UUID, reason: DisabledReason) -> bool:
    """Deactivate an integration and notify its owner by e-mail, in the app and by `integration.disabled`.

    The e-mail reaches an owner who does not open the app; the event reaches the owner's other integrations.

    Returns:
        False if the integration does not exist or is already inactive. Nothing is changed then.
    """
    integration = db.session.get(Integration, integration_id, with_for_update=True, populate_existing=True)
    if integration is None or not integration.is_active:
        return False
    integration.is_active, integration.disabled_reason = False, SENTENCES[reason]
    emit(IntegrationDisabled(id=integration.id, about_user=integration.user_id, reason=reason.value))
    _notify(integration, reason)
    return True


def _notify(integration: Integration, reason: DisabledReason) -> None:
    content = f"Deliveries to the integration “{integration.name}” were switched off. {SENTENCES[reason]}"
    emit(
        NotificationSend(
            id=uuid7(), about_user=integration.user_id, channel="IN_APP", notification_type="WARNING", category="system"
        ),
        secret_data={"subject": "Integration switched off", "content": content},
    )
    owner = db.session.get(User, integration.user_id)
    if owner is not None:
        mailer.send(
            "integration-disabled", owner, notification_type="WARNING", name=integration.name, reason=reason.value
        )
