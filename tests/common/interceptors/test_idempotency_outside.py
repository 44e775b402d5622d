"""`@idempotent_outside`: views that call other servers or commit more than once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient
from sqlalchemy import select, update

from heidi_common.app import build_app
from heidi_common.config.settings import Settings
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import in_transaction, transaction
from heidi_common.interceptors.idempotency import LEASE, idempotent_outside
from heidi_common.interceptors.idempotency_keys import IdempotencyKey
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.problems import Conflict
from heidi_services import SERVICES
from tests.auth.helpers import PASSWORD, bearer, register

CALLS: list[Callable[[], object] | None] = []
DURING: list[Callable[[], object]] = []


@pytest.fixture(scope="module")
def caller_app(platform: Flask, settings: Settings) -> Flask:
    """A service with a route that calls something outside of a transaction."""
    app = build_app(settings, SERVICES["core"])
    blp = Blueprint("calls", __name__)

    @blp.route("/calls", methods=["POST"])
    @authenticated
    @idempotent_outside
    def call() -> Response:
        assert not in_transaction()
        CALLS.append(None)
        for during in DURING:
            during()
        if request.get_json().get("refuse"):
            raise Conflict("No.", code="refused")
        return Response(f'{{"n": {len(CALLS)}}}', 200, {"Content-Type": "application/json"})

    app.register_blueprint(blp)
    return app


@pytest.fixture
def calls(app: Flask, caller_app: Flask) -> FlaskClient:
    CALLS.clear()
    DURING.clear()
    return caller_app.test_client()


def post(client: FlaskClient, headers: dict[str, str], **body: Any) -> Any:
    return client.post("/calls", json=body, headers=headers | {"Idempotency-Key": "k"})


def test_a_repetition_returns_the_stored_response(calls, as_user) -> None:
    headers = as_user().headers
    first, second = post(calls, headers), post(calls, headers)
    assert first.json == second.json == {"n": 1} and "Idempotent-Replayed" in second.headers
    assert post(calls, headers, other=1).json["code"] == "idempotency_key_reused"


def test_an_error_is_not_stored(calls, as_user) -> None:
    headers = as_user().headers
    assert post(calls, headers, refuse=True).json["code"] == "refused"
    assert post(calls, headers, refuse=False).json == {"n": 2}


def test_a_repetition_while_the_view_runs_is_409_and_after_the_lease_of_a_dead_process_it_runs(calls, as_user) -> None:
    headers, during = as_user().headers, []
    DURING.append(lambda: during.append(post(calls, headers)) if not during else None)
    post(calls, headers)
    assert (during[0].status_code, during[0].json["code"]) == (409, "idempotency_in_flight") and len(CALLS) == 1
    with transaction():
        db.session.execute(update(IdempotencyKey).values(status=0, expires_at=utcnow() + LEASE))
    assert post(calls, headers).status_code == 409
    with transaction():
        db.session.execute(update(IdempotencyKey).values(expires_at=utcnow() - timedelta(seconds=1)))
    assert post(calls, headers).json == {"n": 2}


def test_an_erasure_can_be_repeated_after_a_wrong_password_and_stores_no_hash_of_it(client) -> None:
    data = register(client)
    headers = bearer(data) | {"Idempotency-Key": "e"}
    path = f"/api/v1/users/{data['user']['id']}/erase"
    assert client.post(path, json={"password": "x" * 12}, headers=headers).json["code"] == "wrong_password"
    assert client.post(path, json={"password": PASSWORD}, headers=headers).status_code == 202
    row = db.session.scalars(select(IdempotencyKey)).one()
    assert (row.status, PASSWORD in row.body) == (202, False)


def test_a_verification_e_mail_is_sent_once_for_a_key(client) -> None:
    headers = bearer(register(client)) | {"Idempotency-Key": "m"}
    responses = [client.post("/api/v1/auth/email/resend", headers=headers) for _ in range(2)]
    assert [response.status_code for response in responses] == [202, 202]
    assert "Idempotent-Replayed" in responses[1].headers
    sent = select(OutboxEvent.id).where(OutboxEvent.type == "notification.send")
    assert len(db.session.scalars(sent).all()) == 2  # at registration, and now
