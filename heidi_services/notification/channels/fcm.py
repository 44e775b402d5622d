"""Push notifications through Firebase Cloud Messaging, HTTP v1.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import orjson

from heidi_common.config.declaration import setting
from heidi_common.config.parsers import base_url
from heidi_common.config.settings import Settings
from heidi_services.notification.channels.fcm_tokens import ServiceAccountTokens, TokenUnavailable
from heidi_services.notification.channels.http_provider import is_accepted, json_object, misconfigured, post
from heidi_services.notification.channels.message import DeliveryOutcome, Message, SendResult, Urgency
from heidi_services.notification.channels.provider import MessageProvider, ProviderCheck
from heidi_services.notification.channels.provider_checks import ProviderUnusable, require
from heidi_services.notification.channels.push_text import push_text

if TYPE_CHECKING:
    import requests

    from heidi_common.http_client.client import HttpClient

_UNREGISTERED, _SENDER_MISMATCH = "UNREGISTERED", "SENDER_ID_MISMATCH"
_INVALID_CREDENTIALS = "THIRD_PARTY_AUTH_ERROR"


@dataclass(frozen=True, kw_only=True)
class FcmSettings:
    """Firebase Cloud Messaging."""

    fcm_service_account: str = setting(
        "FCM_SERVICE_ACCOUNT",
        default="",
        in_repr=False,
        help="The service account of Firebase Cloud Messaging: JSON or the path of a file.",
    )
    fcm_url: str = setting(
        "FCM_URL", parse=base_url, default="https://fcm.googleapis.com", help="The API of Firebase Cloud Messaging."
    )


class FcmSender:
    """Sends to FCM tokens, signed in as the service account of FCM_SERVICE_ACCOUNT."""

    name = "fcm"

    def __init__(self, settings: Settings, client: HttpClient) -> None:
        own = settings.part(FcmSettings)
        account = _service_account(own.fcm_service_account)
        self._client, self._tokens = client, ServiceAccountTokens(account, client)
        self._url = f"{own.fcm_url}/v1/projects/{account['project_id']}/messages:send"

    def supports(self, message: Message) -> bool:
        return message.keys is None

    def send(self, message: Message) -> SendResult:
        return self._post(_request_body(message))

    def _post(self, body: dict[str, Any]) -> SendResult:
        try:
            token = self._tokens.access_token()
        except TokenUnavailable as error:
            return SendResult(
                DeliveryOutcome.TECHNICAL, self.name, error=str(error)[:300], misconfigured=error.is_rejected
            )
        headers, parse = {"Authorization": f"Bearer {token}"}, partial(self._parse, token=token)
        return post(self._client, self.name, self._url, parse, json=body, headers=headers)

    def validate(self) -> SendResult:
        """Let FCM validate a message to an invalid device: it rejects the token if the credentials are right."""
        return self._post({"validate_only": True} | _request_body(Message(UUID(int=0), "invalid", "Test")))

    def _parse(self, response: requests.Response, *, token: str) -> SendResult | None:
        body = json_object(response)
        if response.status_code == 401:
            self._tokens.discard(token)
        if is_accepted(response):
            return SendResult(DeliveryOutcome.SENT, self.name, code="200", provider_id=str(body.get("name", "")))
        return _result_by_code(_error_code(body), body)


def _result_by_code(code: str, body: dict[str, Any]) -> SendResult | None:
    """Interpret FCM's own error codes; None if the HTTP status decides.

    A token of another project fails, but its device is kept: after a change of FCM_SERVICE_ACCOUNT to a wrong project,
    every token would look like that. https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
    """
    error = _error_message(body)
    if code == _UNREGISTERED or _is_invalid_token(body):
        return SendResult(DeliveryOutcome.PERMANENT, FcmSender.name, code=code, error=error, recipient_gone=True)
    if code == _SENDER_MISMATCH:
        return SendResult(DeliveryOutcome.PERMANENT, FcmSender.name, code=code, error=error)
    if code == _INVALID_CREDENTIALS:
        return misconfigured(FcmSender.name, code, error)
    return None


def _service_account(setting: str) -> dict[str, Any]:
    """FCM_SERVICE_ACCOUNT is the service account's JSON, or the path of a file that contains it."""
    source = setting if setting.lstrip().startswith("{") else Path(setting).read_text("utf-8")
    return cast(dict[str, Any], json.loads(source))


def _request_body(message: Message) -> dict[str, Any]:
    """The collapse key is the notification's ID unless it has one, so that a device replaces a copy at least."""
    options, key = message.push, message.push.replacement_key(message.id)
    text = push_text(message.subject, message.text, option_bytes=options.size)
    android: dict[str, Any] = {"collapse_key": key, "notification": {"tag": key}}
    apns: dict[str, Any] = {"headers": {"apns-collapse-id": key}}
    webpush: dict[str, Any] = {"headers": {"Urgency": message.urgency.value}}
    _add_lifetime(message, android, apns["headers"], webpush["headers"])
    if message.urgency is not Urgency.NORMAL:
        is_high = message.urgency is Urgency.HIGH
        android["priority"], apns["headers"]["apns-priority"] = ("HIGH", "10") if is_high else ("NORMAL", "5")
    if options.image:
        apns["fcm_options"] = {"image": options.image}
    if options.image or options.actions:
        apns["payload"] = {"aps": {"mutable-content": 1}}  # lets an extension of the app add them
    if options.url.startswith("https://"):  # FCM rejects other URLs
        webpush["fcm_options"] = {"link": options.url}
    if options.actions:
        webpush["notification"] = {"actions": [_browser_action(action) for action in options.actions]}
    return {
        "message": {
            "token": message.recipient,
            "notification": {"title": text.title, "body": text.body}
            | ({"image": options.image} if options.image else {}),
            "data": _data(message, truncated=text.truncated),
            "android": android,
            "apns": apns,
            "webpush": webpush,
        }
    }


def _add_lifetime(message: Message, android: dict[str, Any], apns: dict[str, str], webpush: dict[str, str]) -> None:
    """FCM's own limit of four weeks applies to messages without one."""
    seconds = message.push.lifetime(message.seconds_left())
    if seconds is None:
        return
    android["ttl"], webpush["TTL"] = f"{seconds}s", str(seconds)
    apns["apns-expiration"] = str(_expiration(message, seconds))


def _expiration(message: Message, seconds: int) -> int:
    """When APNs gives up, as a UNIX time; 0: after a single attempt."""
    if message.push.ttl is None and message.expires_at is not None:
        return int(message.expires_at.timestamp())
    return int(time.time()) + seconds if seconds else 0


def _data(message: Message, *, truncated: bool) -> dict[str, str]:
    """FCM transmits text only: other values are written as JSON."""
    options = message.push
    values: dict[str, Any] = dict(options.data)
    values |= {name: value for name, value in (("url", options.url), ("actions", options.actions)) if value}
    data = {name: value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in values.items()}
    return data | {"notificationId": str(message.id)} | ({"truncated": "true"} if truncated else {})


def _browser_action(action: Mapping[str, str]) -> dict[str, str]:
    return {name: action[name] for name in ("action", "title", "icon") if name in action}


def _error_code(body: dict[str, Any]) -> str:
    return next((str(detail["errorCode"]) for detail in _details(body) if "errorCode" in detail), "")


def _is_invalid_token(body: dict[str, Any]) -> bool:
    """Whether the request was rejected because of its token: an INVALID_ARGUMENT may also mean the text."""
    violations = [violation for detail in _details(body) for violation in detail.get("fieldViolations") or ()]
    return any(isinstance(item, dict) and item.get("field") == "message.token" for item in violations)


def _details(body: dict[str, Any]) -> list[dict[str, Any]]:
    error = body.get("error")
    details = error.get("details") if isinstance(error, dict) else None
    return [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []


def _error_message(body: dict[str, Any]) -> str:
    error = body.get("error")
    return str(error.get("message", ""))[:300] if isinstance(error, dict) else ""


def check_fcm(settings: Settings) -> str:
    """Request an access token, and validate a message to an invalid device."""
    own = settings.part(FcmSettings)
    require(FCM_SERVICE_ACCOUNT=own.fcm_service_account)
    from heidi_common.http_client.client import HttpClient

    try:
        sender = FcmSender(settings, HttpClient(settings.outbound_allow_nets))
    except (OSError, ValueError, KeyError, TypeError) as error:
        detail = f"FCM_SERVICE_ACCOUNT is not a service account, nor the file of one: {type(error).__name__}"
        raise ProviderUnusable(detail) from error
    result = sender.validate()
    if result.outcome not in (DeliveryOutcome.SENT, DeliveryOutcome.PERMANENT):
        detail = f"FCM_SERVICE_ACCOUNT or FCM_URL is wrong: {result.code} {result.error}"
        raise ProviderUnusable(" ".join(detail.split())[:160])
    return "the service account may send"


PROVIDER = MessageProvider(
    name=FcmSender.name,
    title="FCM",
    channels=("PUSH",),
    create_sender=FcmSender,
    settings=FcmSettings,
    check=ProviderCheck(check_fcm, "Check FCM_SERVICE_ACCOUNT and FCM_URL. Push messages wait until then."),
)
