"""Find users by an address as it was entered: in its normal form, or in the form in which it was stored before."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, or_

from heidi_common.identity.emails import former_form, normalize_email
from heidi_common.identity.models import User

S = TypeVar("S", bound=Select[Any])


def by_email(statement: S, text: str) -> S:
    """Restrict a SELECT of users to one with an address. Its exact form precedes the former one.

    Raises:
        ValueError: The text is not an e-mail address. The message says why.
    """
    exact, former = User.email == normalize_email(text), former_form(text)
    condition = exact if former is None else or_(exact, has_former_email(former))
    return statement.where(condition).order_by(exact.desc()).limit(1)


def has_former_email(former: Any) -> ColumnElement[bool]:
    """The condition that an address was stored in its former form and has not changed since."""
    return and_(User.email == former, User.has_former_email)
