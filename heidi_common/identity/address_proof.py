"""Proof that an account belongs to the owner of its e-mail address.

An attacker can register the address of a victim. Until the address is verified, nothing that gives access can be
attached to an account. What an earlier version allowed to attach is removed when the owner takes the account over.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from heidi_common.database.transactions import reading
from heidi_common.identity.models import User
from heidi_common.problems import Forbidden


def require_verified_email(user_id: UUID) -> None:
    """Reject the attachment of a second factor, device, integration or phone number to an unverified account.

    Raises:
        Forbidden: `email_not_verified`.
    """
    with reading() as connection:
        verified_at = connection.execute(select(User.email_verified_at).where(User.id == user_id)).scalar()
    if verified_at is None:
        detail = (
            "Confirm your e-mail address first: open the link in the e-mail that was sent to it. "
            "`POST /auth/email/resend` sends a new one."
        )
        raise Forbidden(detail, code="email_not_verified")


def is_owner_proved(user: User) -> bool:
    """Whether everything that is attached to the account was attached by the owner of the address."""
    return user.email_verified if user.owner_proved is None else user.owner_proved


def proved_before_verification() -> ColumnElement[bool]:
    """The value of `owner_proved` when an address is verified by a link, which does not prove who opens it.

    The user who knows the password may be somebody else, unless they have proved the account before.
    """
    return func.coalesce(User.owner_proved, User.email_verified_at.is_not(None))
