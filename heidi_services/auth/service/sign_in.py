"""Sign-in: one answer, in the same time, for every reason to refuse."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, exists, select, update

from heidi_common.audit.trail import fingerprint, record_failure
from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import login_throttle, serializers
from heidi_common.identity.emails import normalise_email
from heidi_common.identity.models import Session, User
from heidi_common.identity.password_hashing import password_hasher
from heidi_common.identity.serializers import AnyRow
from heidi_common.problems import Unauthorized
from heidi_common.runtime import current_settings
from heidi_services.auth.models import Totp
from heidi_services.auth.service import mfa, sessions
from heidi_services.auth.service.sessions import Device

NOBODY = UUID(int=0)
COLUMNS = (*serializers.PUBLIC_COLUMNS, User.password_hash, User.password_changed_at, User.token_version, User.locale)
_TOTP = exists().where(Totp.user_id == User.id, Totp.confirmed_at.is_not(None)).label("has_totp")
_FIND = CompiledStatement(select(*COLUMNS, _TOTP).where(User.email == bindparam("subject"), User.deleted_at.is_(None)))
"""The account, read on a connection that is given back before the hashing begins."""
_HOLD = CompiledStatement(
    select(User.id)
    .where(User.id == bindparam("user_id"), User.is_active, User.deleted_at.is_(None))
    .where(User.password_changed_at.is_not_distinct_from(bindparam("changed_at")))
    .with_for_update(read=True)
)


def sign_in(email: str, password: str, device: Device) -> dict[str, Any]:
    """Tokens, or a challenge for the second factor. Raises Unauthorized, TooMany or Unavailable."""
    subject = _subject(email)
    pair, address = login_throttle.pair_limit(subject, device.ip), login_throttle.address_limit(device.ip)
    account = login_throttle.account_limit(subject)
    standing = login_throttle.check(pair, address)
    user = _FIND.first(subject=subject)

    def at_turn() -> None:
        """Once more, so that a burst does not slip past the throttles while it waits."""
        nonlocal standing
        standing = login_throttle.check(pair, address, soft=account)

    # The password is checked before anything else is looked at, so that all refusals take the same time.
    verdict = password_hasher().verify(user.password_hash if user else None, password, before_hash=at_turn)
    # Asked whatever the verdict was: one statement more would tell that a password was right.
    barred = standing.soft_limit_reached and _is_stranger(user.id if user else NOBODY, device)
    if not (verdict.is_correct and user and _may_enter(user)) or barred:
        login_throttle.count(pair, address, account)
        raise _wrong(subject)
    if verdict.needs_rehash:
        _rehash(user, password)
    if standing.failures:
        login_throttle.reset(pair)
    with transaction():
        if _is_unchanged(user):
            return mfa.challenge(user, device) if user.has_totp else sessions.start(user, device)
    raise _wrong(subject)


def _wrong(subject: str) -> Unauthorized:
    record_failure("authn_login_fail", target=fingerprint(subject))
    return Unauthorized("The e-mail or the password is wrong.", code="invalid_credentials")


def _is_unchanged(user: AnyRow) -> bool:
    """Hold the account still: a password change or a deactivation is either seen here or ends the new session."""
    return _HOLD.first(user_id=user.id, changed_at=user.password_changed_at) is not None


def _may_enter(user: AnyRow) -> bool:
    verified = user.email_verified_at is not None or current_settings().auth_registration == "open"
    return bool(user.is_active and verified)


def _is_stranger(user_id: UUID, device: Device) -> bool:
    """While many guess at an account, its owner still gets in from an address that was used before."""
    known = select(exists().where(Session.user_id == user_id, Session.ip == device.ip))
    return not db.session.scalar(known)


def _rehash(user: AnyRow, password: str) -> None:
    """Replace a hash of another kind; not when the password was changed meanwhile."""
    fresh = password_hasher().hash(password)
    with transaction():
        mine = update(User).where(User.id == user.id, User.password_hash == user.password_hash)
        db.session.execute(mine.values(password_hash=fresh, updated_at=User.updated_at))


def _subject(email: str) -> str:
    """What is looked up and counted: the normal form, or what was typed when it is no address."""
    try:
        return normalise_email(email)
    except ValueError:
        return email.casefold()
