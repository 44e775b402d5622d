"""Add, verify and remove the domains from which e-mails may be sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import idna
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import select

from heidi_common.audit.trail import record
from heidi_common.config.mail_sender import helo_name
from heidi_common.crypto.encryption import field_encryptor
from heidi_common.database.models import utcnow
from heidi_common.database.reencryption import reencrypt_column
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.problems import Conflict, Invalid, NotFound
from heidi_services.notification.models import SenderDomain
from heidi_services.notification.service.senders.dns_records import (
    TxtRecord,
    contains_key,
    dkim_record,
    dmarc_record,
    look_up,
)

_KEY_BITS = 2048
"""Receivers need not accept longer keys, and shorter ones are weak (RFC 8301)."""


@dataclass(frozen=True)
class Verification:
    """What the DNS says about a domain."""

    has_key: bool
    has_dmarc: bool


def ascii_domain(text: str) -> str:
    """The normal form of a domain: ASCII in lower case.

    Raises:
        Invalid: It is not a domain name.
    """
    try:
        name = text.strip().rstrip(".").lower()
        domain = helo_name(name if name.isascii() else idna.encode(name, uts46=True).decode())
    except (ValueError, UnicodeError):
        domain = ""
    if "." not in domain or domain.startswith("["):
        raise Invalid.field("domain", "Must be the name of a domain, such as example.org.")
    return domain


def add_domain(text: str, selector: str) -> SenderDomain:
    """Add a domain with a new key. E-mails can be sent from it when it has been verified.

    Raises:
        Invalid: It is not a domain name.
        Conflict: It exists already.
    """
    domain = ascii_domain(text)
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    private_key = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    row = SenderDomain(domain=domain, selector=selector, private_key=_encrypt(domain, private_key))
    with transaction():
        if db.session.get(SenderDomain, domain) is not None:
            raise Conflict(f"The domain {domain} was added already. Remove it first, to create another key.")
        db.session.add(row)
        record("sender_domain_added", target=domain)
    return row


def list_domains() -> Sequence[SenderDomain]:
    """All domains, by name."""
    return db.session.scalars(select(SenderDomain).order_by(SenderDomain.domain)).all()


def get_domain(text: str) -> SenderDomain:
    """A domain; raises NotFound."""
    row = db.session.get(SenderDomain, ascii_domain(text))
    if row is None:
        raise NotFound(f"The domain {text} was not added: see `flask notifications senders add`.")
    return row


def dns_records(row: SenderDomain) -> tuple[TxtRecord, TxtRecord]:
    """The records of a domain: its key, which is required, and DMARC, which is recommended."""
    return dkim_record(row.domain, row.selector, private_key(row)), dmarc_record(row.domain)


def verify_domain(text: str) -> Verification:
    """Look up the records of a domain, and permit it as a sender if its key is there.

    Raises:
        NotFound: The domain was not added.
        DnsUnavailable: No name server responded.
    """
    row = get_domain(text)
    dkim, dmarc = dns_records(row)
    db.session.rollback()  # no connection is held while the DNS is asked
    verification = Verification(
        contains_key(look_up(dkim.name), dkim), any(item.startswith("v=DMARC1") for item in look_up(dmarc.name))
    )
    if verification.has_key:
        with transaction():
            row = get_domain(text)
            if row.verified_at is None:
                row.verified_at = utcnow()
                record("sender_domain_verified", target=row.domain)
    return verification


def remove_domain(text: str) -> str:
    """Remove a domain with its key. Messages from it that have not been sent yet fail.

    Returns:
        The domain.

    Raises:
        NotFound: The domain was not added.
    """
    with transaction():
        row = get_domain(text)
        db.session.delete(row)
        record("sender_domain_removed", target=row.domain)
    return row.domain


def private_key(row: SenderDomain) -> bytes:
    """The private key of a domain, in PEM."""
    return str(field_encryptor().decrypt(row.private_key, context=_context(row.domain))).encode()


def reencrypt_keys() -> tuple[int, list[str]]:
    """Encrypt the keys with the current encryption key; returns how many changed, and the domains that failed."""
    return reencrypt_column(SenderDomain.domain, SenderDomain.private_key, _context)


def _encrypt(domain: str, key: str) -> str:
    return field_encryptor().encrypt(key, context=_context(domain))


def _context(domain: str) -> bytes:
    return b"sender:" + domain.encode()
