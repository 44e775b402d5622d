"""Suppressed addresses, to which nothing is sent.

When a user is erased, and when no account has an address any more, the address is replaced by its HMAC: the
suppression still applies, but the table no longer contains the address.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.problems import NotFound
from heidi_common.runtime import current_settings
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import HASH_PREFIX, IS_HASHED, Suppression

_BATCH = 500
_MIN_AGE = timedelta(days=1)


def suppress_address(channel: Channel, address: str, reason: str) -> None:
    """Suppress an address. An existing suppression keeps its reason."""
    values = {"id": uuid7(), "channel": channel, "address": address, "reason": reason}
    statement = insert(Suppression).values(values)
    with transaction():
        db.session.execute(statement.on_conflict_do_nothing(index_elements=["channel", "address"]))


def is_suppressed(channel: Channel, address: str) -> bool:
    """Whether nothing may be sent to an address, which may be stored as its HMAC."""
    statement = select(Suppression.id).where(Suppression.channel == channel, _is_address(address))
    return db.session.scalar(statement.limit(1)) is not None


def list_suppressions(filters: Mapping[str, Any], **paging: Any) -> Page:
    """List suppressions, latest first. The filter `address` also finds the HMAC of the address."""
    statement = select(Suppression)
    for name, value in filters.items():
        condition = _is_address(value) if name == "address" else getattr(Suppression, name) == value
        statement = statement.where(condition)
    return page(statement, order=Suppression.created_at, descending=True, tiebreak=Suppression.id, **paging)


def remove_suppression(suppression_id: UUID) -> None:
    """Allow sending to the address again; raises NotFound."""
    with transaction():
        suppression = db.session.get(Suppression, suppression_id)
        if suppression is None:
            raise NotFound("Suppression not found.")
        same_channel = Suppression.channel == suppression.channel
        db.session.execute(delete(Suppression).where(same_channel, _is_address(suppression.address)))


def hash_addresses(addresses: Iterable[str]) -> None:
    """Replace these addresses by their HMACs, on all channels and in the caller's transaction."""
    for address in addresses:
        _replace_address(Suppression.address == address, address)


def hash_unused_addresses() -> bool:
    """Replace a part of the addresses that no account has any more, because it was erased or has another address now.

    Returns:
        Whether some may be left.
    """
    is_used = exists().where(or_(User.email == Suppression.address, User.phone == Suppression.address))
    is_old = Suppression.created_at < func.now() - _MIN_AGE
    unused = select(Suppression.id, Suppression.address).where(~IS_HASHED, is_old, ~is_used).limit(_BATCH)
    with transaction():
        rows = db.session.execute(unused).all()
        for row in rows:
            _replace_address(Suppression.id == row.id, row.address)
    return len(rows) == _BATCH


def stored_forms(address: str) -> tuple[str, str]:
    """The two values under which an address may be stored: itself, and its HMAC."""
    return address, _hash(address)


def _is_address(address: str) -> ColumnElement[bool]:
    return Suppression.address.in_(stored_forms(address))


def _replace_address(condition: ColumnElement[bool], address: str) -> None:
    """Replace an address, or delete the row if the channel has a suppression of the HMAC already."""
    hashed = _hash(address)
    other = select(Suppression.channel).where(Suppression.address == hashed)
    options = {"synchronize_session": False}
    is_new = Suppression.channel.not_in(other)
    db.session.execute(update(Suppression).where(condition, is_new).values(address=hashed), execution_options=options)
    is_plain = Suppression.address == address
    db.session.execute(delete(Suppression).where(condition, is_plain), execution_options=options)


def _hash(address: str) -> str:
    key = hmac.digest(current_settings().secret_key.encode(), b"heidi suppressed address", "sha256")
    return HASH_PREFIX + hmac.digest(key, address.encode("utf-8", "surrogatepass"), "sha256").hex()
