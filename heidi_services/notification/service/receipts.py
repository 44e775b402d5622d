"""Process delivery receipts: verify them, and update the status of their notifications.

Receipts may arrive in any order and more than once.
"""

from __future__ import annotations

import logging

from sqlalchemy import select

from heidi_common.database.models import storable_text, utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import NotificationFailed
from heidi_common.messaging.outbox import emit
from heidi_common.metrics import series
from heidi_common.metrics.time_series import count
from heidi_common.problems import NotFound, Unauthorized
from heidi_common.runtime import current_settings
from heidi_services.notification.channels.delivery_receipt import DeliveryReceipt, ProviderCallback
from heidi_services.notification.channels.registry import find_provider
from heidi_services.notification.enums import NotificationStatus
from heidi_services.notification.models import Notification
from heidi_services.notification.service.recipients.suppressions import known_form, lift_suppression, suppress_address
from heidi_services.notification.service.senders.options import copied_addresses
from heidi_services.notification.service.status_transitions import State, advance

_MAX_DETAIL = 1000
log = logging.getLogger(__name__)


def process_receipts(provider: str, callback: ProviderCallback) -> None:
    """Verify a provider's callback and apply its receipts in one transaction.

    Raises:
        NotFound: The provider is unknown or sends no receipts.
        Unauthorized: The callback cannot be verified or parsed.
    """
    declared = find_provider(provider)
    if declared is None or declared.parse_receipts is None:
        raise NotFound("Provider not found.")
    try:
        receipts = declared.parse_receipts(callback, current_settings())
    except Exception as error:  # a hostile body can make the parser fail anywhere; this is not an internal error
        log.info("delivery receipt rejected", extra={"provider": provider, "error": type(error).__name__})
        raise Unauthorized("Invalid signature.", code="bad_signature") from None
    with transaction():
        for receipt in receipts:
            _apply(receipt, declared.channels[0])


def _apply(receipt: DeliveryReceipt, channel: str) -> None:
    notification = _lock_notification(receipt)
    address = storable_text(receipt.address)
    if notification is not None and receipt.state is not None and not _is_about_copy(notification, channel, address):
        _advance(notification, receipt.state)
    if receipt.suppression_reason and address:
        detail = storable_text(receipt.detail)[:_MAX_DETAIL]
        suppress_address(channel, known_form(channel, address), receipt.suppression_reason, detail=detail)
    if receipt.lifted_reason and address:
        lift_suppression(channel, known_form(channel, address), receipt.lifted_reason)


def _is_about_copy(notification: Notification, channel: str, address: str) -> bool:
    """Whether a receipt reports what happened to a copy, which says nothing about the user's own e-mail."""
    return bool(address) and known_form(channel, address) in copied_addresses(notification.options)


def _lock_notification(receipt: DeliveryReceipt) -> Notification | None:
    """Prefer the notification's own ID: a receipt may arrive before the provider's ID has been committed."""
    statement = select(Notification).with_for_update()
    if receipt.notification_id is not None:
        return db.session.scalar(statement.where(Notification.id == receipt.notification_id))
    if not receipt.provider_id:
        return None
    return db.session.scalars(statement.where(Notification.provider_id == receipt.provider_id)).first()


def _advance(notification: Notification, receipt_state: State) -> None:
    current = (NotificationStatus(notification.status), notification.failure_reason)
    new = advance(current, receipt_state)
    if new == current:
        return
    notification.status, notification.failure_reason = new
    if notification.status is NotificationStatus.DELIVERED:
        notification.delivered_at = notification.delivered_at or utcnow()
        count(series.MESSAGES, f"DELIVERED:{notification.channel}")
    if notification.status is NotificationStatus.FAILED:
        _emit_failed(notification)


def _emit_failed(notification: Notification) -> None:
    emit(
        NotificationFailed(
            id=notification.id,
            about_user=notification.user_id,
            channel=notification.channel,
            category=notification.category,
            reason=notification.failure_reason,
        )
    )
