"""The options of an e-mail: checked when it is accepted, and applied when it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from heidi_common.config.mail_sender import split_sender
from heidi_common.database.session import db
from heidi_common.problems import Invalid
from heidi_common.runtime import current_settings
from heidi_services.notification.channels.email_options import EmailOptions
from heidi_services.notification.channels.mail_headers import parse_address
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import SenderDomain
from heidi_services.notification.service.recipients.suppressions import is_suppressed
from heidi_services.notification.service.senders.signing import forget_keys, signing_key


class SenderNotVerified(Exception):
    """The domain of the sender is not verified any more."""


def require_usable_sender(options: Mapping[str, Any] | None) -> None:
    """Reject a sender whose domain is not verified.

    Raises:
        Invalid: It names `from`.
    """
    mailbox = (options or {}).get("from")
    if not mailbox or _is_configured(mailbox):
        return
    domain = _domain(mailbox)
    row = db.session.get(SenderDomain, domain, populate_existing=True)
    is_verified = row is not None and row.verified_at is not None
    db.session.rollback()
    if not is_verified:
        detail = f"The domain {domain} is not verified: see `flask notifications senders add`."
        raise Invalid.field("from", detail, code="sender_not_verified")


def email_options(channel: str, options: Mapping[str, Any] | None, recipient: str | None) -> EmailOptions:
    """The options with which an e-mail is sent now: without copies to suppressed addresses, with the key that signs it.

    Args:
        channel: The channel of the message; others than EMAIL have no such options.
        options: As they are stored.
        recipient: The address of the recipient, who gets no copy.

    Raises:
        SenderNotVerified: The domain of `from` was removed.
    """
    if channel != Channel.EMAIL:
        return EmailOptions()
    stored = options or {}
    sender = stored.get("from") or ""
    domain = _domain(sender or current_settings().mail_from)
    key = signing_key(domain)
    if sender and key is None and not _is_configured(sender):
        forget_keys()  # it may have been verified a moment ago
        key = signing_key(domain)
        if key is None:
            raise SenderNotVerified(sender)
    cc, bcc = _copies(stored.get("cc", ()), stored.get("bcc", ()), recipient or "")
    return EmailOptions(sender, stored.get("replyTo") or "", cc, bcc, key)


def copied_addresses(options: Mapping[str, Any] | None) -> set[str]:
    """The addresses that get a copy."""
    mailboxes = [*(options or {}).get("cc", ()), *(options or {}).get("bcc", ())]
    return {split_sender(mailbox).address for mailbox in mailboxes}


def _copies(cc: Sequence[str], bcc: Sequence[str], recipient: str) -> tuple[list[str], list[str]]:
    """Each address once: providers reject a message with a repeated one."""
    seen = {recipient}
    return list(_allowed(cc, seen)), list(_allowed(bcc, seen))


def _allowed(mailboxes: Sequence[str], seen: set[str]) -> Iterator[str]:
    for mailbox in mailboxes:
        address = split_sender(mailbox).address
        if address not in seen and not is_suppressed(Channel.EMAIL, address):
            yield mailbox
        seen.add(address)
    if mailboxes:
        db.session.rollback()  # no connection is held while the provider is called


def _is_configured(mailbox: str) -> bool:
    return _address(mailbox) == _address(current_settings().mail_from)


def _address(mailbox: str) -> str:
    return parse_address(split_sender(mailbox).address).lower()


def _domain(mailbox: str) -> str:
    return _address(mailbox).rpartition("@")[2]
