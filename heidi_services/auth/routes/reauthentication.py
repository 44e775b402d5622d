"""The decorator for endpoints that require a recent sign-in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from heidi_common.jwt.guards import caller
from heidi_services.auth.service import reauthentication

View = TypeVar("View", bound=Callable[..., Any])


def requires_recent_sign_in(view: View) -> View:
    """Reject a request whose session did not start recently (403 `recent_sign_in_required`).

    Put it below the guard and above `@blp.arguments`, so that it rejects the request before the body is validated.
    """

    @wraps(view)
    def checked_view(*args: Any, **values: Any) -> Any:
        reauthentication.require_recent_sign_in(caller())
        return view(*args, **values)

    return cast(View, checked_view)
