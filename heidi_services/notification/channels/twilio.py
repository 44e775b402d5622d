"""Text messages by Twilio, and its status callbacks.

https://www.twilio.com/docs/messaging/api/message-resource, https://www.twilio.com/docs/usage/security
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import requests

from heidi_common.config.settings import Settings
from heidi_common.crypto import webhook_signatures
from heidi_common.http_client.client import HttpClient
from heidi_services.notification.channels.delivery_receipt import Inbound, Receipt
from heidi_services.notification.channels.http_provider import body_of, call
from heidi_services.notification.channels.message import Message, Outcome, Result
from heidi_services.notification.enums import Status

_NO_SUCH_NUMBER = (21211, 21217, 21614)
_STOPPED = 21610
_STATUSES = {"sent": Status.SENT, "delivered": Status.DELIVERED, "read": Status.READ}


class TwilioSender:
    name = "twilio"

    def __init__(self, settings: Settings, client: HttpClient) -> None:
        self._client, self._settings = client, settings
        self._url = f"{settings.twilio_url}/2010-04-01/Accounts/{settings.twilio_account_sid}/Messages.json"

    def takes(self, message: Message) -> bool:
        return True

    def send(self, message: Message) -> Result:
        settings = self._settings
        form = {"To": message.recipient, "Body": message.text}
        form["MessagingServiceSid" if settings.twilio_from.startswith("MG") else "From"] = settings.twilio_from
        callback = f"{settings.public_base_url}/api/v1/notifications/receipts/twilio?notification={message.id}"
        if urlsplit(callback).hostname not in ("localhost", "127.0.0.1"):  # Twilio refuses what it cannot reach
            form["StatusCallback"] = callback
        account = (settings.twilio_account_sid, settings.twilio_auth_token)
        return call(self._client, self.name, self._url, self._read, data=form, auth=account)

    def _read(self, answer: requests.Response) -> Result | None:
        said = body_of(answer)
        if answer.ok:
            return Result(Outcome.SENT, self.name, code=str(answer.status_code), provider_id=str(said.get("sid", "")))
        if said.get("code") in (*_NO_SUCH_NUMBER, _STOPPED):
            error = str(said.get("message", ""))
            return Result(Outcome.PERMANENT, self.name, code=str(said["code"]), error=error, dead=True)
        return None


def receipts(inbound: Inbound, settings: Settings) -> Sequence[Receipt]:
    """What a callback says; raises for any other sender's. Fields that are not of a receipt say nothing."""
    _verify(inbound, settings.twilio_auth_token)
    fields = webhook_signatures.parse_form(inbound.body)
    status = fields.get("MessageStatus", [""])[0]
    if fields.get("OptOutType", [""])[0] == "STOP":
        return [Receipt(address=fields["From"][0], suppress="stop")]
    named = parse_qs(urlsplit(inbound.url).query).get("notification", [""])[0]
    about = UUID(named) if named else None
    provider_id = fields.get("MessageSid", [""])[0]
    if status in _STATUSES:
        return [Receipt(about, provider_id, (_STATUSES[status], None))]
    if status in ("undelivered", "failed"):
        return [Receipt(about, provider_id, (Status.FAILED, "undelivered"))]
    return []


def _verify(inbound: Inbound, token: str) -> None:
    if not token:
        raise webhook_signatures.InvalidSignature("no auth token is set")
    webhook_signatures.verify_twilio(
        inbound.header(webhook_signatures.TWILIO_SIGNATURE_HEADER),
        url=inbound.url,
        content_type=inbound.header("Content-Type"),
        body=inbound.body,
        token=token,
    )
