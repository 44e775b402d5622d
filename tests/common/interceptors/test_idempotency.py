import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient
from sqlalchemy import func, select, text, update
from uuid_utils.compat import uuid7

from heidi_common.app import build_app
from heidi_common.config.settings import Settings
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import reading, transaction
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.idempotency_keys import BLANK, IdempotencyKey, delete_expired, delete_for_user
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated
from heidi_common.problems import Conflict
from heidi_services import SERVICES
from tests.polling import TIMEOUT_SECONDS
from tests.sql_recorder import recorded_statements

ORDERS: list[Any] = []
HOLD: list[Callable[[], None]] = []


@pytest.fixture(scope="module")
def shop_app(platform: Flask, settings: Settings) -> Flask:
    """A service with a route whose effect can be counted."""
    shop = build_app(settings, SERVICES["core"])
    blp = Blueprint("shop", __name__)

    @blp.route("/orders/<name>", methods=["POST"])
    @authenticated
    @idempotent
    def order(name: str) -> Response:
        for hold in HOLD:
            hold()
        body = request.get_json()
        with transaction():
            ORDERS.append(body)
            if body.get("refuse"):
                raise Conflict("No.", code="refused")
        return Response(json.dumps({"number": len(ORDERS)}), 201, {"Content-Type": "application/json", "X-Other": "1"})

    shop.register_blueprint(blp)
    return shop


@pytest.fixture
def shop(app: Flask, shop_app: Flask) -> Iterator[FlaskClient]:
    ORDERS.clear()
    HOLD.clear()
    yield shop_app.test_client()


def send(shop: FlaskClient, user: Any, key: str | None, body: Any = None, path: str = "/orders/a") -> Any:
    headers = user.headers | ({"Idempotency-Key": key} if key is not None else {})
    return shop.post(path, json=body or {"n": 1}, headers=headers)


def test_the_same_key_and_body_has_one_effect_and_one_response(shop: FlaskClient, as_user: Callable[..., Any]) -> None:
    user = as_user()
    first, second = send(shop, user, "k"), send(shop, user, "k")
    assert len(ORDERS) == 1
    assert (second.status_code, second.data, second.content_type) == (201, first.data, "application/json")
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"


def test_without_a_key_every_request_counts(shop: FlaskClient, as_user: Callable[..., Any]) -> None:
    user = as_user()
    send(shop, user, None)
    send(shop, user, None)
    assert len(ORDERS) == 2


def test_another_body_or_path_with_the_same_key_is_rejected(shop: FlaskClient, as_user: Callable[..., Any]) -> None:
    user = as_user()
    send(shop, user, "k")
    for response in (send(shop, user, "k", {"n": 2}), send(shop, user, "k", path="/orders/b")):
        assert (response.status_code, response.get_json()["code"]) == (422, "idempotency_key_reused")
    assert len(ORDERS) == 1


def test_keys_belong_to_their_caller(shop: FlaskClient, as_user: Callable[..., Any]) -> None:
    send(shop, as_user(), "k")
    assert send(shop, as_user(), "k").status_code == 201
    assert len(ORDERS) == 2


def test_an_error_is_not_stored_so_the_request_can_be_corrected(shop: FlaskClient, as_user: Callable[..., Any]) -> None:
    user = as_user()
    assert send(shop, user, "k", {"refuse": True}).status_code == 409
    assert send(shop, user, "k", {"refuse": False}).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "ümlaut"])
def test_a_malformed_key_is_rejected(shop: FlaskClient, as_user: Callable[..., Any], key: str) -> None:
    response = send(shop, as_user(), key)
    assert (response.status_code, response.get_json()["code"]) == (400, "bad_idempotency_key")
    assert ORDERS == []


def test_a_second_request_during_the_first_is_rejected(shop: FlaskClient, as_user: Callable[..., Any]) -> None:
    user = as_user()
    inside, release = threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        release.wait(TIMEOUT_SECONDS)

    HOLD.append(hold)
    responses: list[Any] = []
    thread = threading.Thread(target=lambda: responses.append(send(shop.application.test_client(), user, "k")))
    thread.start()
    assert inside.wait(TIMEOUT_SECONDS)
    second = send(shop, user, "k")
    release.set()
    thread.join(TIMEOUT_SECONDS)
    assert (second.status_code, second.get_json()["code"]) == (409, "idempotency_in_flight")
    assert responses[0].status_code == 201 and len(ORDERS) == 1


def test_parallel_requests_have_one_effect(shop: FlaskClient, as_user: Callable[..., Any]) -> None:
    user = as_user()
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(send(shop.application.test_client(), user, "k").status_code))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_SECONDS)
    assert len(ORDERS) == 1 and len(statuses) == 8 and set(statuses) <= {201, 409}


FILL = """INSERT INTO idempotency_keys (caller_id, route, key, request_hash, status, headers, body, expires_at)
    SELECT gen_random_uuid(), 'POST /x', n, '', 201, '{}', '{"data":{"id":"' || gen_random_uuid() || '"}}', now()
    FROM generate_series(1, 20000) n"""


def test_responses_that_mention_a_user_are_located_by_index_and_blanked(app: Flask) -> None:
    user_id = uuid7()
    about = {"route": "POST /x", "request_hash": "", "status": 201, "headers": {}, "expires_at": utcnow()}
    with transaction():
        db.session.execute(text(FILL))
        for key, body in (("about", f'{{"to":["{uuid7()}","{user_id}"]}}'), ("of another", f'{{"id":"{uuid7()}"}}')):
            db.session.add(IdempotencyKey(caller_id=uuid7(), key=key, body=body, **about))
        db.session.add(IdempotencyKey(caller_id=user_id, key="by", body='{"secret":1}', **about))
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) idempotency_keys"))
    with recorded_statements() as sent, transaction():
        delete_for_user(user_id)
    blank = select(IdempotencyKey.key).where(IdempotencyKey.body == BLANK)
    assert set(db.session.scalars(blank)) == {"about", "by"}
    [(statement, values)] = sent
    with reading() as connection:
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", values).scalars())
    assert "hx_idempotency_keys_mentions" in plan and "Seq Scan" not in plan, plan


def test_a_key_can_be_used_again_after_a_day(shop: FlaskClient, as_user: Callable[..., Any]) -> None:
    user = as_user()
    send(shop, user, "k")
    with transaction():
        db.session.execute(update(IdempotencyKey).values(expires_at=utcnow() - timedelta(seconds=1)))
    assert "Idempotent-Replayed" not in send(shop, user, "k", {"n": 2}).headers
    assert send(shop, user, "k", {"n": 2}).headers["Idempotent-Replayed"] == "true"


def test_expired_responses_are_deleted_and_others_stay(shop: FlaskClient, as_user: Callable[..., Any]) -> None:
    user = as_user()
    send(shop, user, "old")
    with transaction():
        db.session.execute(update(IdempotencyKey).values(expires_at=utcnow() - timedelta(seconds=1)))
    send(shop, user, "new")
    delete_expired()
    assert db.session.scalars(select(IdempotencyKey.key)).all() == ["new"]
    assert db.session.scalar(select(func.count()).select_from(IdempotencyKey)) == 1
