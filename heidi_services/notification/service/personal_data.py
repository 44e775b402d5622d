"""Personal data for the export of a user's data, beside what the user's own lists contain."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, false, select

from heidi_common.database.session import db
from heidi_common.identity.models import User
from heidi_common.identity.personal_data import PersonalRows
from heidi_services.notification.models import Attempt, Batch, Notification, Suppression
from heidi_services.notification.service.queries import VISIBLE
from heidi_services.notification.service.recipients.suppressions import stored_forms


def _own_attempts(user_id: UUID) -> ColumnElement[bool]:
    return Attempt.notification_id.in_(select(Notification.id).where(Notification.user_id == user_id))


def _hidden(user_id: UUID) -> ColumnElement[bool]:
    return (Notification.user_id == user_id) & (Notification.hidden_at.is_not(None) | ~VISIBLE)


def _own_suppressions(user_id: UUID) -> ColumnElement[bool]:
    user = db.session.execute(select(User.email, User.phone).where(User.id == user_id)).first()
    addresses = [form for address in user or () if address for form in stored_forms(address)]
    return Suppression.address.in_(addresses) if addresses else false()


_MESSAGE = ("type", "channel", "category", "subject", "content", "html", "status", "scheduled_for", "created_at")
_HIDDEN = (*_MESSAGE, "extra", "attachments", "sent_at", "hidden_at")
_ATTEMPT = ("notification_id", "number", "provider", "provider_id", "outcome", "code", "error", "response")
_SUPPRESSION = ("channel", "address", "reason", "detail", "expires_at", "created_at")

PARTS = {
    "hiddenNotifications": PersonalRows(
        Notification, (*_MESSAGE, "extra", "attachments", "sent_at", "hidden_at"), _hidden
    ),
    "attempts": PersonalRows(Attempt, (*_ATTEMPT, "started_at"), _own_attempts),
    "batches": PersonalRows(Batch, ("accepted", "created_at"), lambda user_id: Batch.sender_id == user_id),
    "suppressions": PersonalRows(Suppression, _SUPPRESSION, _own_suppressions),
}
