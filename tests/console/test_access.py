"""The role matrix of the console, generated from its URL map: every view, requested with each role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from heidi_common.identity.models import Role
from heidi_console.access import PUBLIC, RANK, required_role
from tests.conftest import SignedIn
from tests.console.conftest import COOKIE, Served, start_session

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


def rules(app: Flask) -> Iterator[Rule]:
    return (rule for rule in app.url_map.iter_rules() if rule.endpoint != "static")


def request(client: FlaskClient, app: Flask, rule: Rule, **options: object) -> int:
    with app.test_request_context():
        path = rule.build(dict.fromkeys(rule.arguments, uuid4()), append_unknown=False)
    assert path is not None
    method = "POST" if rule.methods and "GET" not in rule.methods else "GET"
    return client.open(path[1], method=method, **options).status_code


def test_every_view_is_marked_with_a_role(served: Served) -> None:
    unmarked = [rule.rule for rule in rules(served.app) if required_role(served.app, rule.endpoint) is None]
    assert unmarked == []


def test_a_view_without_a_mark_is_rejected(served: Served) -> None:
    served.app.view_functions["forgotten"] = lambda: "seen"
    assert required_role(served.app, "forgotten") is None
    del served.app.view_functions["forgotten"]


@pytest.mark.parametrize("role", [None, *Role], ids=lambda role: role.value if role else "nobody")
def test_a_role_reaches_exactly_its_pages(
    app: Flask, served: Served, as_user: Callable[..., SignedIn], role: Role | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens are not checked here, so that a rejection can only come from the role."""
    monkeypatch.setitem(served.app.config, "WTF_CSRF_ENABLED", False)
    client, person = served.app.test_client(), as_user(role) if role else None
    wrong = {}
    for rule in rules(served.app):
        needed = required_role(served.app, rule.endpoint)
        assert needed is not None
        if needed == PUBLIC:
            continue
        if person:
            client.set_cookie(COOKIE, start_session(served, person))  # the last request may have ended the session
        status = request(client, served.app, rule, headers=SAME_ORIGIN)
        expected = _expected(role, needed)
        if (status == 403) != (expected == 403) or (expected == 303 and status != 303):
            wrong[rule.rule] = (status, expected)
    assert wrong == {}


def _expected(role: Role | None, needed: str) -> int:
    """303: to the sign-in. 403: rejected. 200: the page responds in its own way."""
    if role is None:
        return 303
    return 200 if RANK[role.value] >= RANK[needed] else 403
