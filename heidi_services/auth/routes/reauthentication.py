"""What a stolen access token must not be enough for: the session has to have begun a moment ago (ASVS 5.0, 7.5.1)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from heidi_common.jwt.guards import caller
from heidi_services.auth.service import sessions

View = TypeVar("View", bound=Callable[..., Any])


def recently_signed_in(view: View) -> View:
    """Stands under the guard, above the arguments: who has to sign in again is told before anything is parsed."""

    @wraps(view)
    def recent(*args: Any, **values: Any) -> Any:
        sessions.require_recent(caller())
        return view(*args, **values)

    return cast(View, recent)
