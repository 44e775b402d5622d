"""Guards: each route declares who may call it. OpenAPI shows the guard as `x-roles` and `x-scopes`.

    @blp.route("/api/v1/schedules", methods=["POST"])
    @guard(Role.ADMIN, scopes=(Scope.SCHEDULES_WRITE,))
    def create_schedule(): ...

`authentication.enforce_guards` applies them. An app with a route without a guard does not start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from flask import Flask, g

from heidi_common.identity.models import Role
from heidi_common.identity.scopes import Scope

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Guard:
    """Who may call a route: everyone (`public`), or the users and machine clients that the other fields name."""

    public: bool = False
    roles: frozenset[Role] = frozenset()
    scopes: frozenset[Scope] = frozenset()
    any_user: bool = False
    any_client: bool = False

    def admits(self, caller: Caller) -> bool:
        """Whether the caller has one of the roles (users) or scopes (machine clients)."""
        if caller.kind == "client":
            return self.any_client or bool(self.scopes & caller.scopes)
        return self.any_user or caller.role in self.roles

    def describe(self) -> dict[str, Any]:
        """The members of an OpenAPI operation: `security`, `x-roles` and `x-scopes`."""
        if self.public:
            return {"security": [], "x-roles": ["PUBLIC"]}
        roles = [str(role) for role in sorted(Role if self.any_user else self.roles)]
        members = {"security": [{"bearer": []}], "x-roles": ["MACHINE"] if self.any_client else roles}
        return members | ({"x-scopes": sorted(map(str, self.scopes))} if self.scopes else {})


@dataclass(frozen=True)
class Caller:
    """The caller of a request: a user with a session, or a machine client with scopes.

    `on_behalf_of` is the requester of the operation of core that causes the request, if one does.
    """

    claims: dict[str, Any]
    on_behalf_of: UUID | None = None

    @property
    def kind(self) -> str:
        """`user` or `client`."""
        return "user" if "sid" in self.claims else "client"

    @cached_property
    def id(self) -> UUID:
        """The ID of the user or client."""
        return UUID(self.claims["sub"])

    @cached_property
    def role(self) -> Role | None:
        """The role of a user; None for a client."""
        return Role(self.claims["role"]) if self.kind == "user" else None

    @cached_property
    def scopes(self) -> frozenset[str]:
        """The scopes of a client; empty for a user."""
        return frozenset(self.claims.get("scope", "").split())

    @cached_property
    def session_id(self) -> UUID | None:
        """The session of a user; None for a client."""
        return UUID(self.claims["sid"]) if self.kind == "user" else None

    @property
    def is_admin(self) -> bool:
        """Whether the caller is a user with the role ADMIN."""
        return self.role is Role.ADMIN


def public(view: View) -> View:
    """Everyone may call this route, without a token."""
    return _with_guard(view, Guard(public=True))


def authenticated(view: View) -> View:
    """Every signed-in user may call this route; machine clients may not."""
    return _with_guard(view, Guard(any_user=True))


def guard(*roles: Role, scopes: tuple[Scope, ...] = ()) -> Callable[[View], View]:
    """Users with one of these roles, and machine clients with one of these scopes, may call this route."""
    return lambda view: _with_guard(view, Guard(roles=frozenset(roles), scopes=frozenset(scopes)))


def guarded_user(*, scopes: tuple[Scope, ...]) -> Callable[[View], View]:
    """Every signed-in user, and machine clients with one of these scopes, may call this route."""
    return lambda view: _with_guard(view, Guard(any_user=True, scopes=frozenset(scopes)))


def machine(view: View) -> View:
    """Every machine client may call this route; users may not."""
    return _with_guard(view, Guard(any_client=True))


def caller() -> Caller:
    """The caller of the current request. Raises AttributeError on a public route, which has no caller."""
    return g.caller  # type: ignore[no-any-return]


def guard_of(view: Callable[..., Any]) -> Guard | None:
    """The guard that a view declares, if any."""
    return getattr(view, "heidi_guard", None)


def require_guards(app: Flask) -> None:
    """Check that every route of an app has a guard.

    Raises:
        RuntimeError: It names the routes without one.
    """
    unguarded = [
        f"{rule.rule} ({rule.endpoint})"
        for rule in app.url_map.iter_rules()
        if guard_of(app.view_functions[rule.endpoint]) is None
    ]
    if unguarded:
        raise RuntimeError("routes without a guard: " + ", ".join(unguarded))


def _with_guard(view: View, guard: Guard) -> View:
    view.heidi_guard = guard  # type: ignore[attr-defined]
    return view
