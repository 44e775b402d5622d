"""Users change their own e-mail address: confirmed from the new address, and reverted from the old one for a week."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from heidi_common.audit import addresses
from heidi_common.audit.rejections import record_token_failure
from heidi_common.audit.trail import record
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts, login_throttle, mailer
from heidi_common.identity.address_proof import is_owner_proved
from heidi_common.identity.emails import require_valid_email
from heidi_common.identity.models import User
from heidi_common.jwt.guards import Caller
from heidi_common.jwt.reauthentication import require_recent_sign_in
from heidi_common.messaging.events import UserUpdated
from heidi_common.messaging.outbox import OutboxEvent, emit
from heidi_common.problems import BadRequest, Invalid
from heidi_services.auth import one_time_tokens
from heidi_services.auth.models import Purpose
from heidi_services.auth.service import email_verification, password, registration
from heidi_services.auth.service.session_start import SessionDevice

CONFIRM_LIFETIME = timedelta(hours=24)
REVERT_LIFETIME = timedelta(days=7)
VERIFIED_CHANGE = {"email", "emailVerified"}
"""The changed fields of a user whose new address is verified already."""


def request_change(caller: Caller, new: str, current_password: str | None, device: SessionDevice) -> None:
    """Send a link to the new address, which replaces the present one when the link is confirmed.

    If another account has the address: in open mode the request fails; in verified mode its owner gets an e-mail.

    Args:
        caller: The user.
        new: The new address.
        current_password: None if the user has signed in recently.
        device: Where the request comes from.

    Raises:
        Invalid: The address is not valid or not new, or the password is incorrect.
        Forbidden: `recent_sign_in_required`, without a password.
        Conflict: `email_taken` (open mode only).
        TooMany: Too many e-mails to this address, or too many wrong passwords.
    """
    email, user = require_valid_email(new), db.session.get_one(User, caller.id)
    db.session.expunge(user)
    db.session.rollback()
    if current_password is None:
        require_recent_sign_in(caller)
    else:
        password.require_password(user, current_password, device, "password")
    if email == user.email:
        raise Invalid.field("email", "Must differ from the current address.")
    login_throttle.count_or_reject(login_throttle.email_limit(email, device.ip))
    with transaction():
        owner = db.session.scalar(select(User).where(User.email == email, User.deleted_at.is_(None)))
        detail = {"new": addresses.remember(email, caller.id)}
        record("user_email_change_requested", actor=caller.id, target=caller.id, detail=detail)
        if owner is None:
            _send_confirmation(user, email)
        elif registration.is_open():
            raise accounts.email_taken("email")
        else:
            mailer.send("email-taken", owner)


def confirm_change(token: str, now: datetime | None = None) -> None:
    """Replace the address by the one that the token was sent to, and send the old one a link that reverts this.

    Raises:
        BadRequest: The token is not valid.
        Conflict: Another account has the address by now.
    """
    now = now or utcnow()
    with transaction():
        redeemed = _redeem(token, Purpose.CHANGE_EMAIL, now)
        if redeemed is not None:
            return _replace(*redeemed, now)
    raise _invalid_token()


def revert_change(token: str, now: datetime | None = None) -> None:
    """Restore the old address, end all sessions and withdraw the tokens that were issued since the change.

    An account that was registered with the old address since is deleted, unless its owner has verified the address.

    Raises:
        BadRequest: The token is not valid.
        Conflict: A verified account has the old address by now.
    """
    now = now or utcnow()
    with transaction():
        redeemed = _redeem(token, Purpose.REVERT_EMAIL, now)
        if redeemed is not None:
            return _restore(*redeemed, now)
    raise _invalid_token()


def _replace(user: User, new: str, now: datetime) -> None:
    old, user.owner_proved = user.email, is_owner_proved(user)
    token = one_time_tokens.issue(Purpose.REVERT_EMAIL, user, REVERT_LIFETIME)
    _set_email(user, new, now)
    one_time_tokens.delete_for_user(user.id, Purpose.VERIFY_EMAIL, Purpose.RESET_PASSWORD, Purpose.CHANGE_EMAIL)
    _record(user, "user_email_changed", old)
    variables = {"token": token, "link": mailer.page_link("revert-email", token), "days": REVERT_LIFETIME.days}
    mailer.send("email-changed", user, address=old, notification_type="WARNING", **variables)


def _restore(user: User, old: str, now: datetime) -> None:
    if user.email == old:
        return
    replaced = user.email
    _free_address(old)
    _set_email(user, old, now)
    user.has_former_email = True  # the former rules may have stored it
    one_time_tokens.delete_for_user(user.id)
    accounts.end_sessions(user.id, "email_reverted")
    accounts.revoke_access_tokens(user.id)
    _record(user, "user_email_change_reverted", replaced)
    mailer.send("email-change-reverted", user, notification_type="WARNING")


def _send_confirmation(user: User, email: str) -> None:
    one_time_tokens.delete_for_user(user.id, Purpose.CHANGE_EMAIL)
    token = one_time_tokens.issue(Purpose.CHANGE_EMAIL, user, CONFIRM_LIFETIME, email=email)
    link = mailer.page_link("confirm-email", token)
    mailer.send("confirm-email-change", user, address=email, token=token, link=link, hours=24)


def _redeem(token: str, purpose: Purpose, now: datetime) -> tuple[User, str] | None:
    """Use a token; return its user, locked, and the address that the token is bound to."""
    one_time_tokens.lock_user(token, purpose, now)
    redeemed = one_time_tokens.redeem(token, purpose, now)
    user = db.session.get(User, redeemed[0], populate_existing=True) if redeemed else None
    return (user, redeemed[1]) if redeemed and user and user.can_sign_in else None


def _invalid_token() -> BadRequest:
    record_token_failure("user_email_change_fail", "token")
    return BadRequest("The token is invalid, has been used or has expired.", code="invalid_token")


def _free_address(email: str) -> None:
    """Delete an unverified account with this address: a thief may have registered it to prevent the reversal."""
    statement = select(User).where(User.email == email, User.deleted_at.is_(None), User.email_verified_at.is_(None))
    squatter = db.session.scalar(statement.with_for_update())
    if squatter is not None:
        accounts.soft_delete(squatter)
        record("user_deleted", target=squatter.id, detail={"reason": "email_change_reverted"})


def _set_email(user: User, email: str, now: datetime) -> None:
    user.email, user.email_verified_at, user.has_former_email = email, now, False
    try:
        db.session.flush()
    except IntegrityError:
        raise accounts.email_taken(None) from None
    emit(UserUpdated(id=user.id, role=user.role, is_active=user.is_active, changed=tuple(sorted(VERIFIED_CHANGE))))


def _record(user: User, action: str, before: str) -> None:
    detail = {"old": addresses.remember(before, user.id), "new": addresses.remember(user.email, user.id)}
    record(action, actor=user.id, target=user.id, detail=detail)


def filter_replaced_addresses(events: Iterable[OutboxEvent]) -> set[UUID]:
    """The IDs of the events about a new address that is not verified."""
    return {event.id for event in events if set(event.data.get("changed") or ()) & VERIFIED_CHANGE == {"email"}}


def verify_replaced_address(user_id: UUID) -> None:
    """Send the verification e-mail to an address that an administrator has entered, unless it is verified by now."""
    with transaction():
        unverified = (User.email_verified_at.is_(None), User.is_active, User.deleted_at.is_(None))
        user = db.session.scalar(select(User).where(User.id == user_id, *unverified))
        if user is not None:
            email_verification.send_verification(user)
