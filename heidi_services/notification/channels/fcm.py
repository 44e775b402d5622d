"""Push notifications through Firebase Cloud Messaging, HTTP v1.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, cast

import requests

from heidi_common.config.settings import Settings
from heidi_common.http_client.client import HttpClient
from heidi_services.notification.channels.fcm_tokens import ServiceAccountTokens, TokenUnavailable
from heidi_services.notification.channels.http_provider import json_object, post
from heidi_services.notification.channels.message import DeliveryOutcome, Message, SendResult

_UNREGISTERED = "UNREGISTERED"
_MAX_TEXT = 3000


class FcmSender:
    """Sends to FCM tokens, signed in as the service account of FCM_SERVICE_ACCOUNT."""

    name = "fcm"

    def __init__(self, settings: Settings, client: HttpClient) -> None:
        account = _service_account(settings.fcm_service_account)
        self._client, self._tokens = client, ServiceAccountTokens(account, client)
        self._url = f"{settings.fcm_url}/v1/projects/{account['project_id']}/messages:send"

    def supports(self, message: Message) -> bool:
        return message.keys is None

    def send(self, message: Message) -> SendResult:
        try:
            token = self._tokens.access_token()
        except TokenUnavailable as error:
            return SendResult(DeliveryOutcome.TECHNICAL, self.name, error=str(error)[:300], final=error.is_rejected)
        headers, parse = {"Authorization": f"Bearer {token}"}, partial(self._parse, token=token)
        return post(self._client, self.name, self._url, parse, json=_request_body(message), headers=headers)

    def _parse(self, response: requests.Response, *, token: str) -> SendResult | None:
        body = json_object(response)
        if response.status_code == 401:
            self._tokens.discard(token)
        if response.ok:
            return SendResult(DeliveryOutcome.SENT, self.name, code="200", provider_id=str(body.get("name", "")))
        if response.status_code == 404 or _error_code(body) == _UNREGISTERED:
            error = "the token is no longer registered"
            return SendResult(
                DeliveryOutcome.PERMANENT, self.name, code=_UNREGISTERED, error=error, recipient_gone=True
            )
        return None


def _service_account(setting: str) -> dict[str, Any]:
    """FCM_SERVICE_ACCOUNT is the service account's JSON, or the path of a file that contains it."""
    source = setting if setting.lstrip().startswith("{") else Path(setting).read_text("utf-8")
    return cast(dict[str, Any], json.loads(source))


def _request_body(message: Message) -> dict[str, Any]:
    """The notification's ID is the collapse key, so that a device replaces the first copy by a repeated one."""
    collapse_key = message.id.hex
    return {
        "message": {
            "token": message.recipient,
            "notification": {"title": message.subject, "body": message.text[:_MAX_TEXT]},
            "data": {"notificationId": str(message.id)},
            "android": {"collapse_key": collapse_key, "notification": {"tag": collapse_key}},
            "apns": {"headers": {"apns-collapse-id": collapse_key}},
        }
    }


def _error_code(body: dict[str, Any]) -> str:
    error = body.get("error")
    details = error.get("details", []) if isinstance(error, dict) else []
    return next((str(d["errorCode"]) for d in details if isinstance(d, dict) and "errorCode" in d), "")
