"""Push by Firebase Cloud Messaging, HTTP v1.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import requests
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from heidi_common.config.settings import Settings
from heidi_common.http_client.client import HttpClient
from heidi_services.notification.channels.http_provider import body_of, call
from heidi_services.notification.channels.message import Message, Outcome, Result

_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"


class FcmSender:
    """`FCM_SERVICE_ACCOUNT` is the service account's JSON, or the path of its file."""

    name = "fcm"

    def __init__(self, settings: Settings, client: HttpClient) -> None:
        given = settings.fcm_service_account
        account = json.loads(given if given.lstrip().startswith("{") else Path(given).read_text("utf-8"))
        self._client, self._lock = client, threading.Lock()
        self._url = f"{settings.fcm_url}/v1/projects/{account['project_id']}/messages:send"
        from_info = service_account.Credentials.from_service_account_info
        self._credentials = from_info(account, scopes=[_SCOPE])  # type: ignore[no-untyped-call]

    def takes(self, message: Message) -> bool:
        return message.keys is None

    def send(self, message: Message) -> Result:
        try:
            headers = {"Authorization": f"Bearer {self._token()}"}
        except GoogleAuthError as error:
            refused = isinstance(error, RefreshError) and not error.retryable
            return Result(Outcome.TECHNICAL, self.name, error=str(error)[:300], final=refused)
        return call(self._client, self.name, self._url, self._read, json=_body(message), headers=headers)

    def _token(self) -> str:
        with self._lock:
            if not self._credentials.valid:
                self._credentials.refresh(Request())
            return str(self._credentials.token)

    def _read(self, answer: requests.Response) -> Result | None:
        said = body_of(answer)
        if answer.ok:
            return Result(Outcome.SENT, self.name, code="200", provider_id=str(said.get("name", "")))
        if answer.status_code == 404 or _error_code(said) == "UNREGISTERED":
            return Result(Outcome.PERMANENT, self.name, code="UNREGISTERED", error="the token is gone", dead=True)
        return None


def _body(message: Message) -> dict[str, Any]:
    """The id collapses a repeat into the first one, on each kind of device."""
    same = message.id.hex
    return {
        "message": {
            "token": message.recipient,
            "notification": {"title": message.subject, "body": message.text[:3000]},
            "data": {"notificationId": str(message.id)},
            "android": {"collapse_key": same, "notification": {"tag": same}},
            "apns": {"headers": {"apns-collapse-id": same}},
        }
    }


def _error_code(said: dict[str, Any]) -> str:
    error = said.get("error")
    details = error.get("details", []) if isinstance(error, dict) else []
    return next((str(d["errorCode"]) for d in details if isinstance(d, dict) and "errorCode" in d), "")
