"""The checks of `flask doctor` for the configured providers: each contacts its provider without sending a message."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import requests

from heidi_common.config.mail_sender import split_sender
from heidi_common.config.settings import Settings
from heidi_common.http_client.client import HttpClient
from heidi_services.notification.channels.fcm import FcmSender
from heidi_services.notification.channels.http_provider import is_html
from heidi_services.notification.channels.mail_headers import parse_address
from heidi_services.notification.channels.message import DeliveryOutcome, KeepsConnections, Message
from heidi_services.notification.channels.registry import PROVIDERS
from heidi_services.notification.channels.smtp_connection import SmtpConnection
from heidi_services.notification.channels.smtp_sender import smtp_server
from heidi_services.notification.channels.webpush import WebPushSender

_SECONDS = 10.0
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


class ProviderUnusable(Exception):
    """The provider would reject all messages, as it is configured. The message says which setting to correct."""


def check_smtp(settings: Settings) -> str:
    """Introduce itself, start TLS, sign in and name the sender, as for a message."""
    sender, server = parse_address(split_sender(settings.mail_from).address), smtp_server(settings)
    name = server.helo_name or ""
    if "." not in name and not name.startswith("[") and server.host not in _LOCAL_HOSTS:
        raise ProviderUnusable(
            f"other servers do not accept the name {name}: set SMTP_HELO_NAME to the name of this machine, or MAIL_FROM"
        )
    connection = SmtpConnection(server, deadline=time.monotonic() + _SECONDS)
    try:
        connection.check_sender(sender)
    finally:
        connection.quit()
    return f"{server.host}:{server.port} accepts {settings.mail_from}, introduced as {server.helo_name}"


def check_sendgrid(settings: Settings) -> str:
    """https://www.twilio.com/docs/sendgrid/api-reference/api-key-permissions/retrieve-a-list-of-scopes"""
    _require(SENDGRID_API_KEY=settings.sendgrid_api_key)
    headers = {"Authorization": f"Bearer {settings.sendgrid_api_key}"}
    response = _get(f"{settings.sendgrid_url}/v3/scopes", "SENDGRID_URL", "SENDGRID_API_KEY", headers=headers)
    if "mail.send" not in (response.json().get("scopes") or ()):
        raise ProviderUnusable("the key in SENDGRID_API_KEY lacks the permission mail.send")
    return "the key may send"


def check_twilio(settings: Settings) -> str:
    """https://www.twilio.com/docs/iam/api/account"""
    account, token = settings.twilio_account_sid, settings.twilio_auth_token
    _require(TWILIO_ACCOUNT_SID=account, TWILIO_AUTH_TOKEN=token, TWILIO_FROM=settings.twilio_from)
    url = f"{settings.twilio_url}/2010-04-01/Accounts/{account}.json"
    body = _get(url, "TWILIO_URL", "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN", auth=(account, token)).json()
    if body.get("status") != "active":
        raise ProviderUnusable(f"the account in TWILIO_ACCOUNT_SID is {body.get('status')}")
    return "the account is active"


def check_fcm(settings: Settings) -> str:
    """Request an access token, and validate a message to an invalid device."""
    _require(FCM_SERVICE_ACCOUNT=settings.fcm_service_account)
    try:
        sender = FcmSender(settings, _client(settings))
    except (OSError, ValueError, KeyError, TypeError) as error:
        detail = f"FCM_SERVICE_ACCOUNT is not a service account, nor the file of one: {type(error).__name__}"
        raise ProviderUnusable(detail) from error
    result = sender.validate()
    if result.outcome not in (DeliveryOutcome.SENT, DeliveryOutcome.PERMANENT):
        detail = f"FCM_SERVICE_ACCOUNT or FCM_URL is wrong: {result.code} {result.error}"
        raise ProviderUnusable(" ".join(detail.split())[:160])
    return "the service account may send"


def check_webpush(settings: Settings) -> str:
    """The key cannot be tried without a subscription; push services do not know it in advance."""
    _require(VAPID_PRIVATE_KEY=settings.vapid_private_key)
    if not settings.vapid_subject.startswith(("mailto:", "https://")) and settings.vapid_subject:
        raise ProviderUnusable("VAPID_SUBJECT must begin with mailto: or https://")
    WebPushSender(settings, _client(settings))
    return "the key is valid"


CHECKS: Mapping[str, Callable[[Settings], str]] = {
    "smtp": check_smtp,
    "sendgrid": check_sendgrid,
    "twilio": check_twilio,
    "fcm": check_fcm,
    "webpush": check_webpush,
}


def configured_providers(settings: Settings) -> list[str]:
    """The providers of all channels that can be checked."""
    names = (*settings.email_providers, *settings.sms_providers, *settings.push_providers)
    return [name for name in dict.fromkeys(names) if name in CHECKS]


def send_test(settings: Settings, message: Message, provider: str) -> str:
    """Send a message through a provider, as workers do.

    Returns:
        The provider's response.

    Raises:
        ProviderUnusable: It was not accepted.
    """
    sender = PROVIDERS[provider].load_sender()(settings, _client(settings))
    result = sender.send(message)
    if isinstance(sender, KeepsConnections):
        sender.close()
    if not result.sent:
        raise ProviderUnusable(f"{provider}: {result.outcome.value}: {result.code} {result.error}")
    return " ".join(f"{provider}: {result.code} {result.response or result.provider_id}".split())


def _client(settings: Settings) -> HttpClient:
    return HttpClient(settings.outbound_allow_nets)


def _require(**values: str) -> None:
    if missing := [name for name, value in values.items() if not value]:
        raise ProviderUnusable(f"{', '.join(missing)} must be set")


def _get(url: str, url_setting: str, credentials: str, **options: object) -> requests.Response:
    response = requests.get(url, timeout=_SECONDS, allow_redirects=False, **options)  # type: ignore[arg-type]
    if response.status_code in (401, 403):
        raise ProviderUnusable(f"{credentials} are rejected ({response.status_code})")
    if response.status_code != 200 or is_html(response):
        raise ProviderUnusable(f"{url_setting} is not the provider's API: {url} responds {response.status_code}")
    return response
