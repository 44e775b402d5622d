"""What providers say later about messages they took: verified, in any order, any number of times."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import select

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import NotificationFailed
from heidi_common.messaging.outbox import emit
from heidi_common.problems import NotFound, Unauthorized
from heidi_common.runtime import current_settings
from heidi_services.notification.channels import receipt_reader
from heidi_services.notification.channels.delivery_receipt import Inbound, Receipt
from heidi_services.notification.enums import Channel, Status
from heidi_services.notification.models import Notification
from heidi_services.notification.service.status_transitions import advance
from heidi_services.notification.service.suppressions import suppress

log = logging.getLogger(__name__)
_CHANNELS = {"twilio": Channel.SMS, "sendgrid": Channel.EMAIL}


def take_in(provider: str, inbound: Inbound) -> None:
    """404 for a provider without receipts; 401 when it is not the provider's, for whatever reason."""
    read = receipt_reader(provider)
    if read is None:
        raise NotFound("There is no such provider.")
    try:
        receipts = read(inbound, current_settings())
    except Exception as error:  # a hostile body may break anything on the way; none of it is our fault
        log.info("receipt refused", extra={"provider": provider, "error": type(error).__name__})
        raise Unauthorized("The signature does not fit.", code="bad_signature") from None
    with transaction():
        for receipt in receipts:
            _apply(receipt, _CHANNELS[provider])


def _apply(receipt: Receipt, channel: Channel) -> None:
    found = _locked(receipt)
    if found is not None and receipt.state is not None:
        _advance(found, receipt.state)
    if receipt.suppress and receipt.address:
        suppress(channel, receipt.address, receipt.suppress)


def _locked(receipt: Receipt) -> Notification | None:
    """By our own id where the provider carries it, because its receipt may be faster than our commit."""
    found = select(Notification).with_for_update()
    if receipt.notification_id is not None:
        return db.session.scalar(found.where(Notification.id == receipt.notification_id))
    if not receipt.provider_id:
        return None
    return db.session.scalars(found.where(Notification.provider_id == receipt.provider_id)).first()


def _advance(found: Notification, state: tuple[Status, str | None]) -> None:
    before = (Status(found.status), found.failure_reason)
    after = advance(before, state)
    if after == before:
        return
    changed: dict[str, Any] = {"status": after[0], "failure_reason": after[1]}
    if after[0] is Status.DELIVERED:
        changed["delivered_at"] = found.delivered_at or utcnow()
    for name, value in changed.items():
        setattr(found, name, value)
    if after[0] is Status.FAILED:
        fact = NotificationFailed(
            id=found.id, about_user=found.user_id, channel=found.channel, category=found.category, reason=after[1]
        )
        emit(fact)
