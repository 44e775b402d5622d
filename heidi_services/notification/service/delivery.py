"""Delivering: claim the row, end the transaction, talk to the provider, write down what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from heidi_common.crypto.encryption import field_encryptor
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_services.notification.channels import providers
from heidi_services.notification.channels.message import Message, Sender
from heidi_services.notification.enums import UNMUTABLE, Channel
from heidi_services.notification.models import Device, Suppression
from heidi_services.notification.service import delivery_results, rate_limits, template_resolver
from heidi_services.notification.service.claim import LEASE, Job, claim, prolong
from heidi_services.notification.service.delivery_policy import Failed, Later, Muted, judge
from heidi_services.notification.service.delivery_results import Try
from heidi_services.notification.service.rendering import MissingVariable, RenderingFailed
from heidi_services.notification.service.unsubscribe import link

PROLONG_AFTER = LEASE.total_seconds() / 4


@dataclass(frozen=True, slots=True)
class Target:
    """Where a message goes: an address, or one of the person's devices."""

    address: str
    keys: dict[str, str] | None = None
    device_id: UUID | None = None


def deliver(notification_id: UUID) -> None:
    """Bring one notification a step further; nothing happens when it is not due or somebody else is at it."""
    job = claim(notification_id)
    if job is None:
        return
    if job.attempts > delivery_results.MOST_CLAIMS:
        delivery_results.failed(job, "attempts_exhausted")
        return
    sealed = _opened(job)
    job = _readdressed(job, sealed.get("recipient"))
    verdict = judge(job, utcnow())
    if isinstance(verdict, Failed):
        delivery_results.failed(job, verdict.reason)
    elif isinstance(verdict, Muted):
        delivery_results.cancelled(job, "muted")
    elif isinstance(verdict, Later):
        delivery_results.postponed(job, verdict.until)
    elif job.channel is Channel.IN_APP:
        delivery_results.shown(job)
    else:
        _hand_over(job, sealed)


def _hand_over(job: Job, sealed: dict[str, object]) -> None:
    try:
        words = _words(job, sealed.get("variables"))
    except (MissingVariable, RenderingFailed, LookupError):
        delivery_results.failed(job, "template_failed")
        return
    targets = _targets(job)
    senders = providers(job.channel)
    if not targets:
        delivery_results.failed(job, "no_device" if job.channel is Channel.PUSH else "no_address")
    elif not senders:
        delivery_results.failed(job, "no_provider")
    elif (wait := rate_limits.wait_for_turn(job, senders)) is not None:
        delivery_results.postponed(job, utcnow() + wait)
    else:
        delivery_results.tried(job, list(_send_all(job, words, senders, targets)))


def _send_all(
    job: Job, words: template_resolver.Words, senders: Sequence[Sender], targets: Sequence[Target]
) -> Iterator[Try]:
    """To one address after the other, while the row is ours: many slow devices take longer than one lease."""
    held_since = time.monotonic()
    for target in targets:
        if time.monotonic() - held_since > PROLONG_AFTER:
            if not prolong(job):
                return
            held_since = time.monotonic()
        yield from _send(senders, _message(job, words, target), target)


def _send(senders: Sequence[Sender], message: Message, target: Target) -> Iterable[Try]:
    """Provider after provider until one has an opinion: only the next one helps against a failure to get through."""
    for sender in rate_limits.in_working_order([one for one in senders if one.takes(message)]):
        started, clock = utcnow(), time.monotonic()
        result = sender.send(message)
        yield Try(result, started, round((time.monotonic() - clock) * 1000), target.device_id)
        if not result.unreachable:
            return
        rate_limits.note_outage(sender)


def _targets(job: Job) -> list[Target]:
    if job.channel is not Channel.PUSH:
        address = job.email if job.channel is Channel.EMAIL else job.phone
        return [Target(address)] if address else []
    devices = db.session.scalars(select(Device).where(Device.user_id == job.user_id))
    found = [
        Target(d.token, {"p256dh": d.p256dh, "auth": d.auth} if d.p256dh and d.auth else None, d.id) for d in devices
    ]
    db.session.rollback()  # the provider is called without a connection in hand
    return found


def _message(job: Job, words: template_resolver.Words, target: Target) -> Message:
    bulk = job.channel is Channel.EMAIL and job.category not in UNMUTABLE
    return Message(
        id=job.id,
        recipient=target.address,
        subject=words.subject or "",
        text=words.content,
        html=words.html or "",
        unsubscribe_url=link(job.user_id, job.category, job.channel) if bulk else "",
        keys=target.keys,
    )


def _opened(job: Job) -> dict[str, object]:
    if job.sealed is None:
        return {}
    found: dict[str, object] = field_encryptor().decrypt(job.sealed, context=job.id.bytes)
    return found


def _readdressed(job: Job, recipient: object) -> Job:
    """A message to an address that is not (yet) the person's own, such as one to be verified."""
    if not isinstance(recipient, str):
        return job
    refused = select(Suppression.id).where(Suppression.channel == job.channel, Suppression.address == recipient)
    suppressed = db.session.scalar(refused) is not None
    db.session.rollback()
    return job._replace(email=recipient, phone=recipient, suppressed=suppressed)


def _words(job: Job, variables: object) -> template_resolver.Words:
    if job.content is not None:
        return template_resolver.Words(job.subject, job.content, job.html)
    assert job.template is not None and job.locale is not None and job.template_version is not None
    source = template_resolver.at_version(job.template, job.channel, job.locale, job.template_version)
    db.session.rollback()
    if source is None:
        raise LookupError(job.template)
    return source.fill(variables if isinstance(variables, dict) else {})
