"""Sensitive operations require a recent sign-in, so that a stolen access token does not suffice (ASVS 5.0, 7.5.1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar, cast

from sqlalchemy import select

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.identity.models import Session
from heidi_common.jwt.guards import Caller, caller
from heidi_common.problems import Forbidden

MAX_AGE = timedelta(minutes=10)
View = TypeVar("View", bound=Callable[..., Any])


def requires_recent_sign_in(view: View) -> View:
    """Reject a request whose session did not start recently (403 `recent_sign_in_required`).

    Put it below the guard and above `@blp.arguments`, so that it rejects the request before the body is validated.
    """

    @wraps(view)
    def checked_view(*args: Any, **values: Any) -> Any:
        require_recent_sign_in(caller())
        return view(*args, **values)

    return cast(View, checked_view)


def require_recent_sign_in(caller: Caller) -> None:
    """Require a session that started within `MAX_AGE`. A refresh does not count: it needs neither password nor code.

    Raises:
        Forbidden: `recent_sign_in_required`.
    """
    started_at = db.session.scalar(select(Session.created_at).where(Session.id == caller.session_id))
    db.session.rollback()
    if started_at is None or utcnow() - started_at > MAX_AGE:
        minutes = MAX_AGE.seconds // 60
        detail = f"This operation requires a sign-in within the last {minutes} minutes. Sign in again, then repeat it."
        raise Forbidden(detail, code="recent_sign_in_required")
