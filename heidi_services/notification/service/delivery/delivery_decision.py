"""Decide what to do with a claimed notification: everything that is known before a provider is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from heidi_common.channels.registry import CHANNELS
from heidi_common.crypto.encryption import field_encryptor
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_services.notification.channels.email_options import DEFAULT_OPTIONS, EmailOptions
from heidi_services.notification.channels.message import Attachment, Sender
from heidi_services.notification.channels.registry import senders_for
from heidi_services.notification.enums import UNWANTED, Channel
from heidi_services.notification.models import PushDevice
from heidi_services.notification.service.attachments.contents import ContentMissing, load_attachments
from heidi_services.notification.service.attachments.links import with_file_links
from heidi_services.notification.service.delivery import send_limits
from heidi_services.notification.service.delivery.claim import MAX_CLAIMS, ClaimedNotification
from heidi_services.notification.service.delivery.delivery_policy import (
    Cancellation,
    DeliveryFailure,
    Postponement,
    evaluate,
)
from heidi_services.notification.service.recipients import suppressions
from heidi_services.notification.service.senders.options import SenderNotVerified, email_options
from heidi_services.notification.service.templates import template_resolver
from heidi_services.notification.service.templates.rendering import MissingVariable, RenderingError
from heidi_services.notification.service.templates.template_resolver import RenderedMessage
from heidi_services.notification.service.templates.text_limits import TextTooLong, check_length


@dataclass(frozen=True, slots=True)
class DeliveryTarget:
    """The recipient of one provider call: the address of a user, or one of their devices."""

    address: str
    keys: dict[str, str] | None = None
    device_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class InAppDelivery:
    """Show the notification in the user's in-app stream."""


@dataclass(frozen=True, slots=True)
class ProviderDelivery:
    """Send this text, with these files and options, to each target, through the first sender that can be reached."""

    text: RenderedMessage
    targets: Sequence[DeliveryTarget]
    senders: Sequence[Sender]
    attachments: Sequence[Attachment] = ()
    email: EmailOptions = DEFAULT_OPTIONS


DeliveryDecision = DeliveryFailure | Cancellation | Postponement | InAppDelivery | ProviderDelivery


def decide(job: ClaimedNotification) -> DeliveryDecision:
    """Decide about one notification. Reads the database, but leaves no transaction open.

    Raises:
        DecryptionError: The secrets cannot be decrypted. The job is retried until MAX_CLAIMS.
    """
    if job.crashes > MAX_CLAIMS:
        return DeliveryFailure("attempts_exhausted")
    secrets = _decrypted_secrets(job)
    job = _with_recipient(job, secrets.get("recipient"))
    objection = evaluate(job, utcnow())
    if objection is not None:
        return objection
    if job.channel == Channel.IN_APP:
        return InAppDelivery()
    return _decide_provider_delivery(job, secrets)


def _decide_provider_delivery(job: ClaimedNotification, secrets: Mapping[str, Any]) -> DeliveryDecision:
    try:
        text = _render(job, secrets)
    except (MissingVariable, RenderingError, LookupError):
        return DeliveryFailure("template_failed")
    except TextTooLong:
        return DeliveryFailure("too_long")
    targets, senders = _targets(job), senders_for(job.channel)
    if not targets and not job.progress.accepted:
        return DeliveryFailure("no_device" if job.channel == Channel.PUSH else "no_address")
    if not senders:
        return DeliveryFailure("no_provider")
    wait = send_limits.reserve_send_slot(job, senders)
    if wait is not None:
        return Postponement(utcnow() + wait)
    try:
        attachments, email = load_attachments(job.attachments), email_options(job.channel, job.options, job.email)
    except ContentMissing:
        return DeliveryFailure("attachment_missing")
    except SenderNotVerified:
        return DeliveryFailure("sender_not_verified")
    return ProviderDelivery(with_file_links(text, job.attachments, job.locale), targets, senders, attachments, email)


def _decrypted_secrets(job: ClaimedNotification) -> dict[str, Any]:
    if job.sealed is None:
        return {}
    secrets: dict[str, Any] = field_encryptor().decrypt(job.sealed, context=job.id.bytes)
    return secrets


def _with_recipient(job: ClaimedNotification, recipient: object) -> ClaimedNotification:
    """Replace the account's address by an explicit recipient, such as a new address that is to be verified.

    The statement of the claim does not know whether that address, or an HMAC of the account's, is suppressed.
    """
    if isinstance(recipient, str):
        is_proven = job.email_proven and recipient == job.email
        job = job._replace(email=recipient, phone=recipient, recipient_name=None, email_proven=is_proven)
    elif not job.has_hashed or (job.suppression is not None and job.suppression not in UNWANTED):
        return job
    address = _address(job)
    suppression = None if address is None else suppressions.suppression_reason(job.channel, address)
    db.session.rollback()
    return job._replace(suppression=suppression)


def _render(job: ClaimedNotification, secrets: Mapping[str, Any]) -> RenderedMessage:
    """The stored text, or the template at the version with which the notification was queued."""
    if job.content is not None:
        return RenderedMessage(job.subject, job.content, job.html)
    assert job.template is not None and job.locale is not None and job.template_version is not None
    source = template_resolver.template_at_version(job.template, job.channel, job.locale, job.template_version)
    db.session.rollback()
    if source is None:
        raise LookupError(job.template)
    text = source.render(secrets.get("variables") or {}, secrets.get("locale"))
    check_length(job.channel, text.content, text.html)
    return text


def _targets(job: ClaimedNotification) -> list[DeliveryTarget]:
    if job.channel == Channel.PUSH:
        return _device_targets(job)
    address = _address(job)
    return [DeliveryTarget(address)] if address else []


def _address(job: ClaimedNotification) -> str | None:
    field = CHANNELS[job.channel].address_field
    address: str | None = getattr(job, field) if field else None
    return address


def _device_targets(job: ClaimedNotification) -> list[DeliveryTarget]:
    """All devices of the user; after an attempt, only those that are left."""
    statement = select(PushDevice).where(PushDevice.user_id == job.user_id)
    if job.progress.devices is not None:
        statement = statement.where(PushDevice.id.in_(job.progress.devices))
    devices = db.session.scalars(statement)
    targets = [DeliveryTarget(device.token, _keys(device), device.id) for device in devices]
    db.session.rollback()  # no connection is held while the provider is called
    return targets


def _keys(device: PushDevice) -> dict[str, str] | None:
    return {"p256dh": device.p256dh, "auth": device.auth} if device.p256dh and device.auth else None
