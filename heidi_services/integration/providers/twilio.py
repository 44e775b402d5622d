"""Twilio's status callbacks, signed over the URL and the form fields (see `webhook_verification`)."""

import base64
from collections.abc import Sequence
from urllib.parse import quote

from heidi_common.crypto import webhook_verification
from heidi_services.integration.providers import base

API = "https://api.twilio.com"


def verify_signature(inbound: base.InboundWebhook, credentials: base.Credentials, config: base.Config) -> None:
    webhook_verification.verify_twilio(
        inbound.header(webhook_verification.TWILIO_SIGNATURE_HEADER),
        url=inbound.url,
        content_type=inbound.headers.get("content-type", ""),
        body=inbound.body,
        token=credentials["authToken"],
    )


def parse_events(inbound: base.InboundWebhook, config: base.Config) -> Sequence[base.ReceivedEvent]:
    form = webhook_verification.parse_form(inbound.body) if "bodySHA256=" not in inbound.url else {}
    first = {name: values[0] for name, values in form.items()}
    status = first.get("MessageStatus") or first.get("SmsStatus") or first.get("CallStatus")
    sid = first.get("MessageSid") or first.get("SmsSid")
    # A message has each status once. A call is `in-progress` in many callbacks, one for each step of its flow.
    event_id = f"{sid}:{status}" if sid and status else None
    event_id = inbound.headers.get("i-twilio-idempotency-token") or event_id
    return [base.ReceivedEvent(event_id, status or "unknown", inbound.body)]


def build_reply(inbound: base.InboundWebhook) -> tuple[bytes, str]:
    """Empty TwiML. Twilio reports any other response to the owner of the account as an error."""
    return b"<Response/>", "text/xml"


def probe_request(credentials: base.Credentials) -> base.ApiRequest | None:
    sid, token = credentials.get("accountSid"), credentials.get("authToken")
    if not sid or not token:
        return None
    basic = base64.b64encode(f"{sid}:{token}".encode()).decode()
    url = f"{API}/2010-04-01/Accounts/{quote(sid, safe='')}.json"
    return base.ApiRequest("GET", url, {"Authorization": f"Basic {basic}"})


PROVIDER = base.Provider(
    name="TWILIO",
    description="Messages and calls, and their status callbacks.",
    credential_names=("accountSid", "authToken"),
    can_verify=base.requires("authToken"),
    verify_signature=verify_signature,
    parse_events=parse_events,
    build_reply=build_reply,
    probe_request=probe_request,
)
