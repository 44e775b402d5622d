"""Suppressed addresses, to which nothing is sent.

When a user is erased, and when no account has an address any more, the address is replaced by its HMAC: the
suppression still applies, but the table no longer contains the address.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from heidi_common.audit.trail import record
from heidi_common.channels.registry import CHANNELS
from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.problems import Invalid, NotFound
from heidi_common.runtime import current_settings
from heidi_services.notification.enums import MANUAL, UNWANTED
from heidi_services.notification.models import HASH_PREFIX, IS_HASHED, IS_IN_FORCE, Suppression

_BATCH = 500
_MIN_AGE = timedelta(days=1)


def suppress_address(channel: str, address: str, reason: str, *, detail: str = "") -> None:
    """Suppress an address, as a provider reports it. An existing suppression that is not weaker keeps its reason."""
    is_weaker: ColumnElement[bool] = Suppression.expires_at.is_not(None)
    if reason not in UNWANTED:
        is_weaker |= Suppression.reason.in_(UNWANTED)
    _upsert(channel, address, {"reason": reason, "detail": detail or None, "expires_at": None}, replaces=is_weaker)


def add_suppression(
    channel: str, address: str, *, reason: str = MANUAL, expires_at: datetime | None = None, actor: UUID | None
) -> Suppression:
    """Suppress an address by hand, or replace the reason and the expiry of its suppression.

    Args:
        address: An e-mail address, or a phone number in E.164 form; spaces in it are ignored.
        expires_at: When messages may be sent to it again; None: when the suppression is removed.
        actor: The administrator; None: a command.

    Raises:
        Invalid: The channel has no addresses, or the address is not valid.
    """
    valid = _valid_address(channel, address)
    with transaction():
        _upsert(channel, valid, {"reason": reason, "detail": None, "expires_at": expires_at})
        _audit("suppression_added", channel, valid, actor)
        is_own = (Suppression.channel == channel) & (Suppression.address == valid)
        return db.session.scalars(
            select(Suppression).where(is_own), execution_options={"populate_existing": True}
        ).one()


def lift_suppression(channel: str, address: str, reason: str) -> None:
    """Allow sending to an address again, if it is suppressed for this reason."""
    condition = (Suppression.channel == channel) & _is_address(address) & (Suppression.reason == reason)
    with transaction():
        db.session.execute(delete(Suppression).where(condition))


def suppression_reason(channel: str, address: str) -> str | None:
    """Why nothing may be sent to an address, which may be stored as its HMAC; None if it may."""
    is_own = (Suppression.channel == channel) & _is_address(address)
    statement = select(Suppression.reason).where(is_own, IS_IN_FORCE).order_by(Suppression.reason.in_(UNWANTED))
    return db.session.scalar(statement.limit(1))


def is_suppressed(channel: str, address: str) -> bool:
    """Whether an address is suppressed for any reason."""
    return suppression_reason(channel, address) is not None


def known_form(channel: str, address: str) -> str:
    """The address in the form in which accounts store it; unchanged if it is not valid."""
    try:
        return _valid_address(channel, address)
    except Invalid:
        return address


def list_suppressions(filters: Mapping[str, Any], **paging: Any) -> Page:
    """List suppressions, latest first. The filter `address` also finds the HMAC of the address."""
    statement = select(Suppression)
    for name, value in filters.items():
        condition = _is_address(value) if name == "address" else getattr(Suppression, name) == value
        statement = statement.where(condition)
    return page(statement, order=Suppression.created_at, descending=True, tiebreak=Suppression.id, **paging)


def remove_suppression(suppression_id: UUID, *, actor: UUID | None) -> None:
    """Allow sending to the address again; raises NotFound."""
    with transaction():
        suppression = db.session.get(Suppression, suppression_id)
        if suppression is None:
            raise NotFound("Suppression not found.")
        _remove(suppression.channel, suppression.address, actor)


def remove_address(channel: str, address: str) -> int:
    """Allow sending to an address again, by a command.

    Returns:
        The number of suppressions that were removed.
    """
    with transaction():
        return _remove(channel, known_form(channel, address), None)


def delete_expired() -> bool:
    """Delete a part of the suppressions that have expired.

    Returns:
        Whether some may be left.
    """
    expired = select(Suppression.id).where(Suppression.expires_at <= func.now()).limit(_BATCH)
    with transaction():
        result = db.session.execute(delete(Suppression).where(Suppression.id.in_(expired)))
    return bool(result.rowcount == _BATCH)  # type: ignore[attr-defined]


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


def _upsert(
    channel: str, address: str, values: Mapping[str, Any], *, replaces: ColumnElement[bool] | None = None
) -> None:
    statement = insert(Suppression).values(id=uuid7(), channel=channel, address=address, **values)
    changes = {**values, "created_at": func.now()}
    key = ["channel", "address"]
    with transaction():
        db.session.execute(statement.on_conflict_do_update(index_elements=key, set_=changes, where=replaces))


def _remove(channel: str, address: str, actor: UUID | None) -> int:
    condition = (Suppression.channel == channel) & _is_address(address)
    removed = int(db.session.execute(delete(Suppression).where(condition)).rowcount)  # type: ignore[attr-defined]
    if removed:
        _audit("suppression_removed", channel, address, actor)
    return removed


def _audit(action: str, channel: str, address: str, actor: UUID | None) -> None:
    """Record the change under the HMAC of the address."""
    target = address if address.startswith(HASH_PREFIX) else _hash(address)
    record(action, actor=actor, target=target, detail={"channel": channel})


def _valid_address(channel: str, address: str) -> str:
    parse = CHANNELS[channel].parse_address
    if parse is None:
        suppressible = " and ".join(name for name, declared in CHANNELS.items() if declared.parse_address)
        raise Invalid.field("channel", f"Only addresses of {suppressible} can be suppressed.")
    try:
        return parse(address)
    except ValueError as error:
        raise Invalid.field("address", str(error)) from error


def _is_address(address: str) -> ColumnElement[bool]:
    return Suppression.address.in_(stored_forms(address))


def _replace_address(condition: ColumnElement[bool], address: str) -> None:
    """Replace an address, or delete the row if the channel has a suppression of the HMAC already."""
    hashed = _hash(address)
    other = select(Suppression.channel).where(Suppression.address == hashed)
    options = {"synchronize_session": False}
    is_new = Suppression.channel.not_in(other)
    db.session.execute(
        update(Suppression).where(condition, is_new).values(address=hashed, detail=None), execution_options=options
    )
    is_plain = Suppression.address == address
    db.session.execute(delete(Suppression).where(condition, is_plain), execution_options=options)


def _hash(address: str) -> str:
    key = hmac.digest(current_settings().secret_key.encode(), b"heidi suppressed address", "sha256")
    return HASH_PREFIX + hmac.digest(key, address.encode("utf-8", "surrogatepass"), "sha256").hex()
