"""Text messages through Twilio, and its status callbacks.

https://www.twilio.com/docs/messaging/api/message-resource, https://www.twilio.com/docs/usage/security
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import requests

from heidi_common.config.declaration import setting
from heidi_common.config.parsers import base_url
from heidi_common.config.settings import Settings
from heidi_common.crypto import webhook_verification
from heidi_common.http_client.client import HttpClient
from heidi_services.notification.channels.delivery_receipt import DeliveryReceipt, ProviderCallback
from heidi_services.notification.channels.http_provider import is_accepted, json_object, misconfigured, post
from heidi_services.notification.channels.message import DeliveryOutcome, Message, SendResult
from heidi_services.notification.channels.provider import MessageProvider, ProviderCheck
from heidi_services.notification.channels.provider_checks import ProviderUnusable, get, require
from heidi_services.notification.enums import STOP, UNKNOWN_ADDRESS, NotificationStatus

_INVALID_NUMBER = frozenset({"21211", "21217", "21614"})
_UNSUBSCRIBED = "21610"
_INVALID_SENDER = frozenset(
    {
        *{"20003", "20404", "21212", "21603", "21606", "21659", "21660"},
        *{"21701", "21702", "21703", "21704", "21705"},
    }
)
"""The account, its number (TWILIO_FROM) or its messaging service is wrong, whatever the recipient.

https://www.twilio.com/docs/api/errors
"""
_STOP_KEYWORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"})
_START_KEYWORDS = frozenset({"START", "UNSTOP", "YES"})
"""The words that Twilio itself understands, in any case.

https://help.twilio.com/articles/223134027
"""
_AROUND_KEYWORDS = " \t\r\n.!\"'"
_MAX_VALIDITY_SECONDS = 36_000
_STATUSES = {
    "sent": NotificationStatus.SENT,
    "delivered": NotificationStatus.DELIVERED,
    "read": NotificationStatus.READ,
}


@dataclass(frozen=True, kw_only=True)
class TwilioSettings:
    """Twilio."""

    twilio_account_sid: str = setting("TWILIO_ACCOUNT_SID", default="", help="The account at Twilio.")
    twilio_auth_token: str = setting(
        "TWILIO_AUTH_TOKEN", default="", in_repr=False, help="Sends SMS, and verifies Twilio's delivery receipts."
    )
    twilio_from: str = setting("TWILIO_FROM", default="", help="The number from which SMS are sent.")
    twilio_url: str = setting("TWILIO_URL", parse=base_url, default="https://api.twilio.com", help="Twilio's API.")


class TwilioSender:
    name = "twilio"

    def __init__(self, settings: Settings, client: HttpClient) -> None:
        self._client, self._own, self._base_url = client, settings.part(TwilioSettings), settings.public_base_url
        self._url = f"{self._own.twilio_url}/2010-04-01/Accounts/{self._own.twilio_account_sid}/Messages.json"

    def supports(self, message: Message) -> bool:
        return True

    def send(self, message: Message) -> SendResult:
        credentials = (self._own.twilio_account_sid, self._own.twilio_auth_token)
        return post(self._client, self.name, self._url, self._parse, data=self._form(message), auth=credentials)

    def _form(self, message: Message) -> dict[str, str]:
        sender = self._own.twilio_from
        form = {"To": message.recipient, "Body": message.text}
        form["MessagingServiceSid" if sender.startswith("MG") else "From"] = sender
        if (seconds := message.seconds_left()) is not None:
            form["ValidityPeriod"] = str(min(seconds, _MAX_VALIDITY_SECONDS))
        callback_url = f"{self._base_url}/api/v1/notifications/receipts/twilio?notification={message.id}"
        if urlsplit(callback_url).hostname not in ("localhost", "127.0.0.1"):  # Twilio rejects unreachable URLs
            form["StatusCallback"] = callback_url
        return form

    def _parse(self, response: requests.Response) -> SendResult | None:
        body, code = json_object(response), str(response.status_code)
        if is_accepted(response):
            return SendResult(DeliveryOutcome.SENT, self.name, code=code, provider_id=str(body.get("sid", "")))
        return _result_by_code(body.get("code"), str(body.get("message", "")))


def _result_by_code(code: object, error: str) -> SendResult | None:
    """Interpret Twilio's own error codes; None if the code is not one of those that are known here."""
    if str(code) in _INVALID_SENDER:
        return misconfigured(TwilioSender.name, str(code), error)
    reason = _recipient_reason(str(code))
    if reason is None:
        return None
    return SendResult(
        DeliveryOutcome.PERMANENT,
        TwilioSender.name,
        code=str(code),
        error=error,
        recipient_gone=True,
        suppression_reason=reason,
    )


def _recipient_reason(code: str) -> str | None:
    """Why nothing may be sent to a number any more, if Twilio's error code means that."""
    if code == _UNSUBSCRIBED:
        return STOP
    return UNKNOWN_ADDRESS if code in _INVALID_NUMBER else None


def parse_receipts(callback: ProviderCallback, settings: Settings) -> Sequence[DeliveryReceipt]:
    """Parse a status callback or an incoming STOP; other callbacks yield nothing.

    Raises:
        InvalidSignature: The callback is not signed with the account's token. A malformed body raises other exceptions.
    """
    _verify_signature(callback, settings.part(TwilioSettings).twilio_auth_token)
    fields = webhook_verification.parse_form(callback.body)
    values = {name: value[0] for name, value in fields.items()}
    status = values.get("MessageStatus", "").lower()
    if not status:
        return _opt_receipts(values)
    receipt = DeliveryReceipt(_notification_id(callback.url), values.get("MessageSid", ""))
    if status in _STATUSES:
        return [replace(receipt, state=(_STATUSES[status], None))]
    if status in ("undelivered", "failed"):
        return [_failed(receipt, values)]
    return []


def _failed(receipt: DeliveryReceipt, values: Mapping[str, str]) -> DeliveryReceipt:
    """A failure may report that the recipient has replied STOP, or that the number cannot exist."""
    failed = replace(receipt, state=(NotificationStatus.FAILED, "undelivered"))
    reason = _recipient_reason(values.get("ErrorCode", ""))
    if reason is None:
        return failed
    detail = f"{values['ErrorCode']} {values.get('ErrorMessage', '')}".strip()
    return replace(failed, address=values.get("To", ""), suppression_reason=reason, detail=detail)


def _opt_receipts(values: Mapping[str, str]) -> Sequence[DeliveryReceipt]:
    """An incoming message. With Advanced Opt-Out, Twilio classifies it in `OptOutType`; otherwise its text counts."""
    keyword = (values.get("OptOutType") or values.get("Body", "")).strip(_AROUND_KEYWORDS).upper()
    sender = values.get("From", "")
    if keyword in _STOP_KEYWORDS:
        return [DeliveryReceipt(address=sender, suppression_reason=STOP, detail=values.get("Body", ""))]
    if keyword in _START_KEYWORDS:
        return [DeliveryReceipt(address=sender, lifted_reason=STOP)]
    return []


def _notification_id(url: str) -> UUID | None:
    value = parse_qs(urlsplit(url).query).get("notification", [""])[0]
    return UUID(value) if value else None


def _verify_signature(callback: ProviderCallback, auth_token: str) -> None:
    if not auth_token:
        raise webhook_verification.InvalidSignature("TWILIO_AUTH_TOKEN is not set")
    webhook_verification.verify_twilio(
        callback.header(webhook_verification.TWILIO_SIGNATURE_HEADER),
        url=callback.url,
        content_type=callback.header("Content-Type"),
        body=callback.body,
        token=auth_token,
    )


def check_twilio(settings: Settings) -> str:
    """https://www.twilio.com/docs/iam/api/account"""
    own = settings.part(TwilioSettings)
    account, token = own.twilio_account_sid, own.twilio_auth_token
    require(TWILIO_ACCOUNT_SID=account, TWILIO_AUTH_TOKEN=token, TWILIO_FROM=own.twilio_from)
    url = f"{own.twilio_url}/2010-04-01/Accounts/{account}.json"
    body = get(url, "TWILIO_URL", "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN", auth=(account, token)).json()
    if body.get("status") != "active":
        raise ProviderUnusable(f"the account in TWILIO_ACCOUNT_SID is {body.get('status')}")
    return "the account is active"


PROVIDER = MessageProvider(
    name=TwilioSender.name,
    title="Twilio",
    channels=("SMS",),
    create_sender=TwilioSender,
    settings=TwilioSettings,
    parse_receipts=parse_receipts,
    check=ProviderCheck(
        check_twilio,
        "Check TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_FROM. SMS wait until then.",
    ),
)
