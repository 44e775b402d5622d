"""Options of push messages: checked when a message is accepted, and sent in the format of each push service."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer

from heidi_common.database.models import utcnow
from heidi_common.identity.models import Role
from heidi_services.notification.channels.fcm import FcmSender
from heidi_services.notification.channels.message import Message
from heidi_services.notification.channels.push_options import MAX_TTL_SECONDS, PushOptions
from heidi_services.notification.service.delivery.claim import claim
from heidi_services.notification.service.delivery.delivery import _message
from heidi_services.notification.service.delivery.delivery_decision import DeliveryTarget, ProviderDelivery
from heidi_services.notification.service.templates.template_resolver import RenderedMessage
from tests.conftest import SignedIn
from tests.notification.channels.test_providers import Browser, _webpush, account, account_key, fcm  # noqa: F401

AsUser = Callable[..., SignedIn]
URL = "/api/v1/notifications"
ACTIONS = [
    {"action": "open", "title": "Öffnen", "url": "https://example.org/o", "icon": "https://example.org/i.png"},
    {"action": "later", "title": "Later"},
]
OPTIONS = {
    "data": {"orderId": "4711", "total": 12.5, "items": ["a"]},
    "url": "https://example.org/orders/4711",
    "image": "https://example.org/a.png",
    "actions": ACTIONS,
    "ttl": 600,
    "collapseKey": "order 4711",
}


def send(client: FlaskClient, sender: SignedIn, **body: Any) -> Any:
    payload = {"userId": str(sender.user.id), "channel": "PUSH", "subject": "Hi", "content": "Hello"} | body
    return client.post(URL, json=payload, headers=sender.headers)


def pushed(message_id: str, recipient: str, keys: dict[str, str] | None = None) -> Message:
    """The message as a worker gives it to a push service."""
    job = claim(UUID(message_id))
    assert job is not None
    delivery = ProviderDelivery(RenderedMessage(job.subject, job.content or ""), (), ())
    return _message(job, delivery, DeliveryTarget(recipient, keys))


def test_a_browser_gets_the_options(client: FlaskClient, as_user: AsUser, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/push/1", method="POST").respond_with_data("", status=201)
    response = send(client, as_user(Role.ADMIN), **OPTIONS)
    assert response.status_code == 202, response.json
    assert {name: response.json["data"][name] for name in OPTIONS} == OPTIONS
    browser = Browser()
    message = pushed(response.json["data"]["id"], httpserver.url_for("/push/1"), browser.keys)
    assert _webpush(httpserver).send(message).sent
    request = httpserver.log[0][0]
    assert browser.read(request.data) == {
        "title": "Hi",
        "body": "Hello",
        "notificationId": str(message.id),
        "data": OPTIONS["data"],
        "url": OPTIONS["url"],
        "image": OPTIONS["image"],
        "actions": ACTIONS,
        "tag": "order 4711",
    }
    assert request.headers["TTL"] == "600"
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", request.headers["Topic"])
    plain = Message(id=uuid4(), recipient="x", text="", push=PushOptions(collapse_key="order-4711"))
    assert plain.push.topic(plain.id) == "order-4711"


def test_fcm_gets_the_options(
    client: FlaskClient,
    as_user: AsUser,
    httpserver: HTTPServer,
    fcm: FcmSender,  # noqa: F811
) -> None:
    httpserver.expect_request("/v1/projects/heidi-test/messages:send").respond_with_json({"name": "n"})
    message = pushed(send(client, as_user(Role.ADMIN), **OPTIONS).json["data"]["id"], "token")
    assert fcm.send(message).sent
    body = httpserver.log[-1][0].get_json()["message"]
    assert body["notification"] == {"title": "Hi", "body": "Hello", "image": OPTIONS["image"]}
    assert orjson.loads(body["data"].pop("actions")) == ACTIONS
    assert body["data"] == {
        "orderId": "4711",
        "total": "12.5",
        "items": '["a"]',
        "url": OPTIONS["url"],
        "notificationId": str(message.id),
    }
    assert body["android"]["ttl"] == "600s" and body["android"]["collapse_key"] == "order 4711"
    assert body["android"]["notification"]["tag"] == "order 4711"
    assert body["apns"]["headers"]["apns-collapse-id"] == "order 4711"
    assert abs(int(body["apns"]["headers"]["apns-expiration"]) - utcnow().timestamp() - 600) < 300
    assert body["apns"]["fcm_options"] == {"image": OPTIONS["image"]}
    assert body["apns"]["payload"] == {"aps": {"mutable-content": 1}}
    assert body["webpush"]["headers"]["TTL"] == "600"
    assert body["webpush"]["fcm_options"] == {"link": OPTIONS["url"]}
    assert body["webpush"]["notification"]["actions"][0] == {
        "action": "open",
        "title": "Öffnen",
        "icon": "https://example.org/i.png",
    }


def test_the_scheme_of_an_app_is_no_link_of_a_browser(httpserver: HTTPServer, fcm: FcmSender) -> None:  # noqa: F811
    httpserver.expect_request("/v1/projects/heidi-test/messages:send").respond_with_json({"name": "n"})
    fcm.send(Message(id=uuid4(), recipient="t", text="Hi", push=PushOptions(url="shop://orders/1")))
    body = httpserver.log[-1][0].get_json()["message"]
    assert "fcm_options" not in body["webpush"] and body["data"]["url"] == "shop://orders/1"


@pytest.mark.parametrize(
    ("ttl", "left", "expected"),
    [(None, None, 99), (600, None, 600), (0, None, 0), (600, 60, 60), (60, 600, 60), (None, 10**8, MAX_TTL_SECONDS)],
    ids=["neither", "ttl", "at once", "expires first", "ttl first", "limit"],
)
def test_a_message_is_kept_for_the_shorter_time(ttl: int | None, left: int | None, expected: int) -> None:
    assert PushOptions(ttl=ttl).lifetime(left, 99) == expected


def test_apns_tries_once_without_lifetime(httpserver: HTTPServer, fcm: FcmSender) -> None:  # noqa: F811
    httpserver.expect_request("/v1/projects/heidi-test/messages:send").respond_with_json({"name": "n"})
    expires_at = utcnow() + timedelta(hours=1)
    fcm.send(Message(id=uuid4(), recipient="t", text="Hi", expires_at=expires_at, push=PushOptions(ttl=0)))
    body = httpserver.log[-1][0].get_json()["message"]
    assert body["apns"]["headers"]["apns-expiration"] == "0" and body["android"]["ttl"] == "0s"


def test_options_leave_less_room_for_the_text(
    client: FlaskClient,
    as_user: AsUser,
    httpserver: HTTPServer,
    fcm: FcmSender,  # noqa: F811
) -> None:
    httpserver.expect_request("/v1/projects/heidi-test/messages:send").respond_with_json({"name": "n"})
    httpserver.expect_request("/push/1", method="POST").respond_with_data("", status=201)
    admin, text = as_user(Role.ADMIN), "ü" * 1300
    assert send(client, admin, content=text).json["data"]["truncated"] is False
    large = {"data": {"x": "y" * 1500}, "url": "https://example.org/" + "p" * 180}
    response = send(client, admin, content=text, **large)
    assert response.status_code == 202 and response.json["data"]["truncated"] is True
    browser = Browser()
    message = pushed(response.json["data"]["id"], httpserver.url_for("/push/1"), browser.keys)
    assert _webpush(httpserver).send(message).sent
    content = browser.read(httpserver.log[-1][0].data)
    assert content["truncated"] is True and content["body"].endswith("…") and content["data"] == large["data"]
    assert len(orjson.dumps(content)) <= 3993
    fcm.send(Message(id=message.id, recipient="t", text=message.text, push=message.push))
    body = httpserver.log[-1][0].get_json()["message"]
    assert body["data"]["truncated"] == "true"
    assert len(orjson.dumps([body["notification"], body["data"]])) <= 4096


INVALID = {
    "data is a list": {"data": ["a"]},
    "reserved key": {"data": {"google.x": "1"}},
    "own key": {"data": {"notificationId": "1"}},
    "empty key": {"data": {"": "1"}},
    "too much data": {"data": {"x": "y" * 2001}},
    "script": {"url": "javascript:alert(1)"},
    "script as an app": {"url": "javascript://%0aalert(1)"},
    "unencrypted": {"url": "http://example.org"},
    "relative url": {"url": "/orders"},
    "url with a space": {"url": "https://example.org/a b"},
    "url with a line end": {"url": "https://example.org/\r\nX: y"},
    "data image": {"image": "data:image/png;base64,AAAA"},
    "image of an app": {"image": "shop://a.png"},
    "too many actions": {"actions": [{"action": str(number), "title": "T"} for number in range(4)]},
    "action without a title": {"actions": [{"action": "a"}]},
    "action with a script": {"actions": [{"action": "a", "title": "T", "url": "javascript:x"}]},
    "negative ttl": {"ttl": -1},
    "ttl above four weeks": {"ttl": MAX_TTL_SECONDS + 1},
    "ttl as text": {"ttl": "60"},
    "long key": {"collapseKey": "k" * 65},
    "key with a line end": {"collapseKey": "a\nb"},
    "key with an umlaut": {"collapseKey": "ü"},
    "options too large together": {"data": {"x": "y" * 1500}, "url": "https://example.org/" + "p" * 900},
}


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID.keys())
def test_invalid_options_are_rejected(client: FlaskClient, as_user: AsUser, body: dict[str, Any]) -> None:
    response = send(client, as_user(Role.ADMIN), **body)
    assert response.status_code == 422, response.json
    assert {error["pointer"].split("/")[1] for error in response.json["errors"]} <= body.keys()


@pytest.mark.parametrize("channel", ["EMAIL", "SMS", "IN_APP"])
@pytest.mark.parametrize("option", sorted(OPTIONS))
def test_other_channels_have_no_push_options(client: FlaskClient, as_user: AsUser, channel: str, option: str) -> None:
    response = send(client, as_user(Role.ADMIN), channel=channel, **{option: OPTIONS[option]})
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json["errors"]] == [f"/{option}"]
