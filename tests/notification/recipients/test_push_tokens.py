"""What cannot be a push token is rejected when a device is registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from heidi_common.crypto import base64url

URL = "/api/v1/notifications/devices"
KEYS = {"auth": base64url.encode(b"a" * 16)}


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "token",
        "null",
        "undefined",
        "hello world, this is not a token of a device",
        "ada@example.test",
        "https://fcm.googleapis.com/fcm/send/abcdefghijklmnop",
        "ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]",
        "01890a5d-ac96-774b-bcce-b302099a8057",
        "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad",
        "740F4707BEBCF74F9B7C25D48E3358945F6AA01DA5DDB387462C7EAF61BB78AD" * 2,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlc2lnbmF0dXJl",
        "a:b:" + "c" * 140,
        ":" + "c" * 140,
        "c" * 140 + ":",
    ],
)
def test_an_implausible_token_is_rejected(client: Any, as_user: Callable[..., Any], token: str) -> None:
    answer = client.post(URL, json={"token": token}, headers=as_user().headers)
    assert (answer.status_code, [error["pointer"] for error in answer.json["errors"]]) == (422, ["/token"])


@pytest.mark.parametrize(
    "token", ["dQw4w9WgXcQ_-1234567890:APA91b" + "Hun4MxP-5_" * 13, "APA91b" + "H" * 134, "k" * 163]
)
def test_a_token_in_the_form_of_fcm_is_accepted(client: Any, as_user: Callable[..., Any], token: str) -> None:
    assert client.post(URL, json={"token": token}, headers=as_user().headers).status_code == 201


@pytest.mark.parametrize("key", [b"\4" + b"x" * 64, b"\0" * 65, b"\2" + b"x" * 64, b"x" * 64, b"\4" + b"\xff" * 64])
def test_a_subscription_needs_a_key_on_the_curve(client: Any, as_user: Callable[..., Any], key: bytes) -> None:
    subscription = {"endpoint": "https://push.example.org/1", "keys": KEYS | {"p256dh": base64url.encode(key)}}
    answer = client.post(URL, json={"subscription": subscription}, headers=as_user().headers)
    pointers = {error["pointer"] for error in answer.json["errors"]}
    assert (answer.status_code, pointers) == (422, {"/subscription/keys/p256dh"})
