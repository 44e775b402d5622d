"""E-mail through SendGrid v3, and its event webhook.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from heidi_common.config.declaration import setting
from heidi_common.config.mail_sender import split_sender
from heidi_common.config.parsers import base_url
from heidi_common.config.settings import Settings
from heidi_common.crypto import webhook_verification
from heidi_services.notification.channels.attachment_part import media_type
from heidi_services.notification.channels.delivery_receipt import DeliveryReceipt, ProviderCallback
from heidi_services.notification.channels.enhanced_status import status_of_field, status_of_reply
from heidi_services.notification.channels.http_provider import TIMEOUT_SECONDS, is_accepted, post
from heidi_services.notification.channels.mail_headers import InvalidAddress, header_text, parse_address
from heidi_services.notification.channels.message import Attachment, DeliveryOutcome, Message, SendResult
from heidi_services.notification.channels.mime import message_id
from heidi_services.notification.channels.provider import MessageProvider, ProviderCheck
from heidi_services.notification.channels.provider_checks import ProviderUnusable, get, require
from heidi_services.notification.channels.text_html import text_to_html
from heidi_services.notification.enums import (
    BOUNCED,
    COMPLAINT,
    UNKNOWN_ADDRESS,
    UNSUBSCRIBED,
    NotificationStatus,
)

if TYPE_CHECKING:
    import requests

    from heidi_common.http_client.client import HttpClient

_DROP_REASONS = {
    "bounced address": BOUNCED,
    "invalid": UNKNOWN_ADDRESS,
    "spam reporting address": COMPLAINT,
    "unsubscribed address": UNSUBSCRIBED,
}
"""SendGrid drops messages to the addresses on its own lists."""
_UNWANTED_EVENTS = {"spamreport": COMPLAINT, "unsubscribe": UNSUBSCRIBED, "group_unsubscribe": UNSUBSCRIBED}
_BYTES_PER_SECOND = 500_000
"""How fast attachments are transmitted at least."""
_RESUBSCRIBED = ("resubscribe", "group_resubscribe")


@dataclass(frozen=True, kw_only=True)
class SendGridSettings:
    """SendGrid."""

    sendgrid_api_key: str = setting("SENDGRID_API_KEY", default="", in_repr=False, help="SendGrid's API key.")
    sendgrid_url: str = setting(
        "SENDGRID_URL", parse=base_url, default="https://api.sendgrid.com", help="SendGrid's API."
    )
    sendgrid_webhook_public_key: str = setting(
        "SENDGRID_WEBHOOK_PUBLIC_KEY", default="", help="Verifies SendGrid's delivery receipts."
    )


class SendGridSender:
    name = "sendgrid"

    def __init__(self, settings: Settings, client: HttpClient) -> None:
        own = settings.part(SendGridSettings)
        self._client, self._from = client, settings.mail_from
        self._url = f"{own.sendgrid_url}/v3/mail/send"
        self._headers = {"Authorization": f"Bearer {own.sendgrid_api_key}"}

    def supports(self, message: Message) -> bool:
        return True

    def send(self, message: Message) -> SendResult:
        try:
            parse_address(message.recipient)
        except InvalidAddress as error:
            return SendResult(DeliveryOutcome.PERMANENT, self.name, error=str(error), recipient_gone=True)
        body = self._request_body(message)
        seconds = TIMEOUT_SECONDS + message.attached_bytes / _BYTES_PER_SECOND
        return post(self._client, self.name, self._url, self._parse, json=body, headers=self._headers, timeout=seconds)

    def _request_body(self, message: Message) -> dict[str, Any]:
        html = message.html or text_to_html(message.text, title=message.subject, lang=message.locale)
        recipient = {"email": parse_address(message.recipient)}
        if message.recipient_name:
            recipient["name"] = header_text(message.recipient_name)
        copies = {name: [_mailbox(item) for item in items] for name, items in _copies(message) if items}
        body = {
            "personalizations": [{"to": [recipient], **copies}],
            "from": _mailbox(message.email.sender or self._from),
            "subject": header_text(message.subject) or " ",
            "content": [
                {"type": "text/plain", "value": message.text},
                {"type": "text/html", "value": html},
            ],
            "headers": self._mail_headers(message),
            "custom_args": {"notification_id": str(message.id)},
        }
        if message.attachments:  # an empty list is rejected
            body["attachments"] = [_attachment(attachment) for attachment in message.attachments]
        if message.email.reply_to:
            body["reply_to"] = _mailbox(message.email.reply_to)
        return body

    def _mail_headers(self, message: Message) -> dict[str, str]:
        sender = message.email.sender or self._from
        headers = {"Message-ID": message_id(message, sender), "Auto-Submitted": "auto-generated"}
        if message.expires_at is not None:
            headers["Expires"] = format_datetime(message.expires_at)
        if message.unsubscribe_url:
            headers["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return headers

    def _parse(self, response: requests.Response) -> SendResult | None:
        if not is_accepted(response):
            return None
        provider_id = response.headers.get("X-Message-Id", "")
        return SendResult(DeliveryOutcome.SENT, self.name, code=str(response.status_code), provider_id=provider_id)


def _copies(message: Message) -> tuple[tuple[str, Sequence[str]], ...]:
    return ("cc", message.email.cc), ("bcc", message.email.bcc)


def _mailbox(mailbox: str) -> dict[str, str]:
    name, address = split_sender(mailbox)
    email = parse_address(address)
    return {"email": email, "name": name} if name else {"email": email}


def _attachment(attachment: Attachment) -> dict[str, str]:
    return {
        "content": b64encode(attachment.content).decode(),
        "type": media_type(attachment),
        "filename": attachment.name,
        "disposition": "attachment",
    }


def parse_receipts(callback: ProviderCallback, settings: Settings) -> Sequence[DeliveryReceipt]:
    """Parse a call of the event webhook.

    Raises:
        InvalidSignature: The call is not signed by the account's key. A malformed body raises other exceptions.
    """
    _verify_signature(callback, settings.part(SendGridSettings).sendgrid_webhook_public_key)
    events = json.loads(callback.body)
    return [_receipt(event) for event in events if isinstance(event, dict)]


def _receipt(event: Mapping[str, Any]) -> DeliveryReceipt:
    kind, detail = str(event.get("event", "")).lower(), str(event.get("reason", ""))
    receipt = DeliveryReceipt(
        _uuid_or_none(event.get("notification_id")),
        provider_id=str(event.get("sg_message_id", "")).partition(".")[0],
        address=str(event.get("email", "")),
        detail=detail,
    )
    if kind == "delivered":
        return replace(receipt, state=(NotificationStatus.DELIVERED, None))
    if kind == "bounce" and _is_hard_bounce(event):
        return replace(receipt, state=(NotificationStatus.FAILED, "bounced"), suppression_reason=BOUNCED)
    if kind in ("bounce", "dropped"):
        reason = _DROP_REASONS.get(detail.strip().lower(), "") if kind == "dropped" else ""
        return replace(receipt, state=(NotificationStatus.FAILED, "refused"), suppression_reason=reason)
    if kind in _RESUBSCRIBED:
        return replace(receipt, lifted_reason=UNSUBSCRIBED)
    return replace(receipt, suppression_reason=_UNWANTED_EVENTS.get(kind, ""))


def _is_hard_bounce(event: Mapping[str, Any]) -> bool:
    """Whether the address cannot receive mail: unless the status says that the message or its sender was the reason."""
    if str(event.get("type", "")).lower() == "blocked":
        return False
    status = status_of_field(str(event.get("status", ""))) or status_of_reply(str(event.get("reason", "")))
    return status is None or status.may_end_address


def _uuid_or_none(value: object) -> UUID | None:
    """Other programs may send through the same account and use their own values for `notification_id`."""
    try:
        return UUID(str(value))
    except ValueError:
        return None


def _verify_signature(callback: ProviderCallback, public_key: str) -> None:
    if not public_key:
        raise webhook_verification.InvalidSignature("SENDGRID_WEBHOOK_PUBLIC_KEY is not set")
    webhook_verification.verify_sendgrid(
        callback.header(webhook_verification.SENDGRID_SIGNATURE_HEADER),
        callback.header(webhook_verification.SENDGRID_TIMESTAMP_HEADER),
        body=callback.body,
        key=public_key,
        now=callback.now.timestamp(),
    )


def check_sendgrid(settings: Settings) -> str:
    """https://www.twilio.com/docs/sendgrid/api-reference/api-key-permissions/retrieve-a-list-of-scopes"""
    own = settings.part(SendGridSettings)
    require(SENDGRID_API_KEY=own.sendgrid_api_key)
    headers = {"Authorization": f"Bearer {own.sendgrid_api_key}"}
    response = get(f"{own.sendgrid_url}/v3/scopes", "SENDGRID_URL", "SENDGRID_API_KEY", headers=headers)
    if "mail.send" not in (response.json().get("scopes") or ()):
        raise ProviderUnusable("the key in SENDGRID_API_KEY lacks the permission mail.send")
    return "the key may send"


PROVIDER = MessageProvider(
    name=SendGridSender.name,
    title="SendGrid",
    channels=("EMAIL",),
    create_sender=SendGridSender,
    settings=SendGridSettings,
    parse_receipts=parse_receipts,
    check=ProviderCheck(check_sendgrid, "Check SENDGRID_API_KEY and SENDGRID_URL. E-mails wait until then."),
)
