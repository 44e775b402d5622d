"""E-mail by SendGrid v3, and its event webhook.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from email.utils import parseaddr
from typing import Any
from uuid import UUID

import requests

from heidi_common.config.settings import Settings
from heidi_common.crypto import webhook_signatures
from heidi_common.http_client.client import HttpClient
from heidi_services.notification.channels.delivery_receipt import Inbound, Receipt
from heidi_services.notification.channels.http_provider import call
from heidi_services.notification.channels.message import Message, Outcome, Result
from heidi_services.notification.channels.mime import BadAddress, address, html_of, message_id, one_line
from heidi_services.notification.enums import Status


class SendGridSender:
    name = "sendgrid"

    def __init__(self, settings: Settings, client: HttpClient) -> None:
        self._client, self._from = client, settings.mail_from
        self._url = f"{settings.sendgrid_url}/v3/mail/send"
        self._headers = {"Authorization": f"Bearer {settings.sendgrid_api_key}"}

    def takes(self, message: Message) -> bool:
        return True

    def send(self, message: Message) -> Result:
        try:
            address(message.recipient)
        except BadAddress as error:
            return Result(Outcome.PERMANENT, self.name, error=str(error), dead=True)
        return call(self._client, self.name, self._url, self._read, json=self._mail(message), headers=self._headers)

    def _mail(self, message: Message) -> dict[str, Any]:
        name, spec = parseaddr(self._from)
        headers = {"Message-ID": message_id(message, self._from), "Auto-Submitted": "auto-generated"}
        if message.unsubscribe_url:
            headers["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return {
            "personalizations": [{"to": [{"email": message.recipient}]}],
            "from": {"email": spec, "name": name} if name else {"email": spec},
            "subject": one_line(message.subject) or " ",
            "content": [
                {"type": "text/plain", "value": message.text},
                {"type": "text/html", "value": message.html or html_of(message.text)},
            ],
            "headers": headers,
            "custom_args": {"notification_id": str(message.id)},
        }

    def _read(self, answer: requests.Response) -> Result | None:
        if not answer.ok:
            return None
        given = answer.headers.get("X-Message-Id", "")
        return Result(Outcome.SENT, self.name, code=str(answer.status_code), provider_id=given)


def receipts(inbound: Inbound, settings: Settings) -> Sequence[Receipt]:
    """What the events say; raises for any other sender's."""
    _verify(inbound, settings.sendgrid_webhook_public_key)
    events = json.loads(inbound.body)
    return [_receipt(event) for event in events if isinstance(event, dict)]


def _receipt(event: Mapping[str, Any]) -> Receipt:
    about, kind = _named(event.get("notification_id")), event.get("event")
    provider_id = str(event.get("sg_message_id", "")).partition(".")[0]
    recipient = str(event.get("email", ""))
    if kind == "delivered":
        return Receipt(about, provider_id, (Status.DELIVERED, None))
    if kind == "bounce" and event.get("type") != "blocked":
        return Receipt(about, provider_id, (Status.FAILED, "bounced"), recipient, "bounced")
    if kind in ("bounce", "dropped"):
        return Receipt(about, provider_id, (Status.FAILED, "refused"))
    if kind == "spamreport":
        return Receipt(about, provider_id, address=recipient, suppress="complaint")
    return Receipt(about, provider_id)


def _named(given: object) -> UUID | None:
    """Ours, or none: other programs may send from the same account, and mark their mails in their own way."""
    try:
        return UUID(str(given))
    except ValueError:
        return None


def _verify(inbound: Inbound, key: str) -> None:
    if not key:
        raise webhook_signatures.InvalidSignature("no public key is set")
    webhook_signatures.verify_sendgrid(
        inbound.header(webhook_signatures.SENDGRID_SIGNATURE_HEADER),
        inbound.header(webhook_signatures.SENDGRID_TIMESTAMP_HEADER),
        body=inbound.body,
        key=key,
        now=inbound.now.timestamp(),
    )
