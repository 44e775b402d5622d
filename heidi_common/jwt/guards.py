"""Who may pass: each route carries one mark, enforced before its body is read, shown in OpenAPI as `x-roles`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from flask import Flask, current_app, g, request

from heidi_common.identity import revocation
from heidi_common.identity.models import Role
from heidi_common.jwt import tokens
from heidi_common.problems import Forbidden, Unauthorized

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Guard:
    """`public`, or the roles and scopes that open the route; neither roles nor scopes: any signed-in person."""

    public: bool = False
    roles: frozenset[Role] = frozenset()
    scopes: frozenset[str] = frozenset()
    any_user: bool = False
    any_client: bool = False

    def admits(self, caller: Caller) -> bool:
        if caller.kind == "client":
            return self.any_client or bool(self.scopes & caller.scopes)
        return self.any_user or caller.role in self.roles

    def describe(self) -> dict[str, Any]:
        """What OpenAPI says about it."""
        if self.public:
            return {"security": [], "x-roles": ["PUBLIC"]}
        roles = [str(role) for role in sorted(Role if self.any_user else self.roles)]
        found: dict[str, Any] = {"security": [{"bearer": []}], "x-roles": ["MACHINE"] if self.any_client else roles}
        return found | ({"x-scopes": sorted(self.scopes)} if self.scopes else {})


@dataclass(frozen=True)
class Caller:
    """Who is asking: a person in a session, or a machine client with scopes."""

    claims: dict[str, Any]

    @property
    def kind(self) -> str:
        return "user" if "sid" in self.claims else "client"

    @cached_property
    def id(self) -> UUID:
        return UUID(self.claims["sub"])

    @cached_property
    def role(self) -> Role | None:
        return Role(self.claims["role"]) if self.kind == "user" else None

    @cached_property
    def scopes(self) -> frozenset[str]:
        return frozenset(self.claims.get("scope", "").split())

    @cached_property
    def session_id(self) -> UUID | None:
        return UUID(self.claims["sid"]) if self.kind == "user" else None

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN


def _with_guard(view: View, guard: Guard) -> View:
    view.heidi_guard = guard  # type: ignore[attr-defined]
    return view


def public(view: View) -> View:
    """Anybody may call this route."""
    return _with_guard(view, Guard(public=True))


def authenticated(view: View) -> View:
    """Any signed-in person (not a machine) may call this route."""
    return _with_guard(view, Guard(any_user=True))


def guard(*roles: Role, scopes: tuple[str, ...] = ()) -> Callable[[View], View]:
    """Only these roles, or a machine with one of these scopes, may call this route."""
    return lambda view: _with_guard(view, Guard(roles=frozenset(roles), scopes=frozenset(scopes)))


def guarded_user(*, scopes: tuple[str, ...]) -> Callable[[View], View]:
    """Any signed-in person, or a machine with one of these scopes."""
    return lambda view: _with_guard(view, Guard(any_user=True, scopes=frozenset(scopes)))


def machine(view: View) -> View:
    """Any machine client (not a person) may call this route."""
    return _with_guard(view, Guard(any_client=True))


def caller() -> Caller:
    """Who is asking, on a route that is not public."""
    return g.caller  # type: ignore[no-any-return]


def guard_of(view: Callable[..., Any]) -> Guard | None:
    return getattr(view, "heidi_guard", None)


def enforce() -> None:
    """The before_request hook: refuse who may not pass before anything else of the request is looked at."""
    if request.endpoint is None or request.method == "OPTIONS":
        return
    found = guard_of(current_app.view_functions[request.endpoint])
    if found is None or found.public:
        return
    g.caller = authenticate(bearer_token())
    if not found.admits(g.caller):
        raise Forbidden("Your role or scope does not permit this.")


def authenticate(token: str) -> Caller:
    """The caller behind an access token that is good, not revoked and whose owner is still welcome."""
    caller = Caller(tokens.verify(token))
    try:
        if caller.kind == "user":
            assert caller.session_id is not None and caller.role is not None
            live = revocation.is_session_active(caller.session_id, caller.id, int(caller.claims["ver"]))
        else:
            live = revocation.is_client_active(caller.id)
    except (KeyError, ValueError, TypeError, AttributeError):
        raise Unauthorized("The token is not valid.", error="invalid_token") from None
    if not live:
        raise Unauthorized("The session has ended.", error="invalid_token")
    return caller


def bearer_token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized("Send an access token: Authorization: Bearer <token>.")
    if not token or " " in token:
        raise Unauthorized("The Authorization header is malformed.", error="invalid_token")
    return token


def require_guards(app: Flask) -> None:
    """Fail the start of an app in which somebody forgot to say who may call a route."""
    forgotten = [
        f"{rule.rule} ({rule.endpoint})"
        for rule in app.url_map.iter_rules()
        if guard_of(app.view_functions[rule.endpoint]) is None
    ]
    if forgotten:
        raise RuntimeError("routes without a guard: " + ", ".join(forgotten))
