"""What `flask doctor` checks for this service, and its test message."""

from __future__ import annotations

from collections.abc import Iterator

from uuid_utils.compat import uuid7

from heidi_common.cli.doctor_checks import Check
from heidi_common.config.settings import Settings
from heidi_services.notification.channels.message import Message
from heidi_services.notification.channels.provider_checks import CHECKS, configured_providers, send_test

_TITLES = {"smtp": "SMTP", "sendgrid": "SendGrid", "twilio": "Twilio", "fcm": "FCM", "webpush": "Web Push"}
_REMEDIES = {
    "smtp": "Check SMTP_URL, MAIL_FROM and SMTP_HELO_NAME. E-mails wait until the server is available.",
    "sendgrid": "Check SENDGRID_API_KEY and SENDGRID_URL. E-mails wait until then.",
    "twilio": "Check TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_FROM. SMS wait until then.",
    "fcm": "Check FCM_SERVICE_ACCOUNT and FCM_URL. Push messages wait until then.",
    "webpush": "Check VAPID_PRIVATE_KEY (`flask keys vapid` creates one) and VAPID_SUBJECT.",
}


def checks(settings: Settings) -> Iterator[Check]:
    """A check for each provider that is configured. Not required: messages wait while their provider is unavailable."""
    for name in configured_providers(settings):
        yield Check(_TITLES[name], CHECKS[name], _REMEDIES[name], required=False)


def send_test_message(settings: Settings, address: str) -> str:
    """Send a test message to an e-mail address or a phone number, through the first provider of its channel.

    Returns:
        The provider's response.

    Raises:
        ProviderUnusable: The provider did not accept it.
        ValueError: No provider of the channel is configured, or the address is neither.
    """
    if "@" in address:
        setting, providers = "EMAIL_PROVIDERS", settings.email_providers
    elif address.startswith("+"):
        setting, providers = "SMS_PROVIDERS", settings.sms_providers
    else:
        raise ValueError("Specify an e-mail address, or a phone number such as +4915112345678.")
    if not providers:
        raise ValueError(f"{setting} names no provider.")
    text = f"This is a test message of the platform at {settings.public_base_url}."
    message = Message(uuid7(), address, text, subject="Test message")
    return send_test(settings, message, providers[0])
