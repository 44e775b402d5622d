"""Settings of the delivery of messages, and of the providers that deliver them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from heidi_common.config.declaration import setting
from heidi_common.config.mail_sender import helo_name, mail_sender
from heidi_common.config.parsers import base_url, positive, rates, smtp_url, some_of, vapid_key


@dataclass(frozen=True, kw_only=True)
class DeliverySettings:
    """Delivery."""

    smtp_url: str = setting(
        "SMTP_URL",
        parse=smtp_url,
        default="smtp://127.0.0.1:1025",
        help="`smtp://` or `smtps://`, with user and password if the server requires them.",
    )
    mail_sink_folder: str = setting(
        "MAIL_SINK_FOLDER",
        default="",
        help="The Maildir of the mail sink, whose e-mails an ADMIN can read; `make run` sets it. Empty: there is none.",
    )
    smtp_connections: int = setting(
        "SMTP_CONNECTIONS",
        parse=positive,
        default=4,
        help="Connections to the SMTP server that each worker process opens at most. They stay open between messages.",
    )
    smtp_helo_name: str = setting(
        "SMTP_HELO_NAME",
        parse=helo_name,
        default="",
        help="The name with which workers introduce themselves to the SMTP server. Empty: the domain of MAIL_FROM.",
    )
    mail_from: str = setting(
        "MAIL_FROM",
        parse=mail_sender,
        default="Heidi <no-reply@localhost>",
        help="The sender of e-mails: an address, with or without a display name before it.",
    )
    email_providers: tuple[str, ...] = setting(
        "EMAIL_PROVIDERS",
        parse=some_of("smtp", "sendgrid", "simulated"),
        default=("smtp",),
        help="Providers of e-mail in order of preference, separated by commas: `smtp`, `sendgrid`, `simulated`.",
    )
    # In production an SMS or a push message without a provider must fail; a simulated delivery would hide the mistake.
    sms_providers: tuple[str, ...] = setting(
        "SMS_PROVIDERS",
        parse=some_of("twilio", "simulated"),
        default=("simulated",),
        production_default=(),
        help="Providers of SMS in order of preference: `twilio`, `simulated`.",
    )
    push_providers: tuple[str, ...] = setting(
        "PUSH_PROVIDERS",
        parse=some_of("fcm", "webpush", "simulated"),
        default=("simulated",),
        production_default=(),
        help="Providers of push messages in order of preference: `fcm`, `webpush`, `simulated`.",
    )
    provider_rates: Mapping[str, float] = setting(
        "PROVIDER_RATES",
        parse=rates,
        default={},
        help="Maximum messages per second by provider: `twilio=10,sendgrid=50`. Others are not limited.",
    )


@dataclass(frozen=True, kw_only=True)
class Providers:
    """Providers."""

    sendgrid_api_key: str = setting("SENDGRID_API_KEY", default="", in_repr=False, help="SendGrid's API key.")
    sendgrid_url: str = setting(
        "SENDGRID_URL", parse=base_url, default="https://api.sendgrid.com", help="SendGrid's API."
    )
    sendgrid_webhook_public_key: str = setting(
        "SENDGRID_WEBHOOK_PUBLIC_KEY", default="", help="Verifies SendGrid's delivery receipts."
    )
    twilio_account_sid: str = setting("TWILIO_ACCOUNT_SID", default="", help="The account at Twilio.")
    twilio_auth_token: str = setting(
        "TWILIO_AUTH_TOKEN", default="", in_repr=False, help="Sends SMS, and verifies Twilio's delivery receipts."
    )
    twilio_from: str = setting("TWILIO_FROM", default="", help="The number from which SMS are sent.")
    twilio_url: str = setting("TWILIO_URL", parse=base_url, default="https://api.twilio.com", help="Twilio's API.")
    fcm_service_account: str = setting(
        "FCM_SERVICE_ACCOUNT",
        default="",
        in_repr=False,
        help="The service account of Firebase Cloud Messaging: JSON or the path of a file.",
    )
    fcm_url: str = setting(
        "FCM_URL", parse=base_url, default="https://fcm.googleapis.com", help="The API of Firebase Cloud Messaging."
    )
    vapid_private_key: str = setting(
        "VAPID_PRIVATE_KEY",
        parse=vapid_key,
        default="",
        in_repr=False,
        help="The private key of Web Push: 32 bytes in base64url, from `flask keys vapid`.",
    )
    vapid_subject: str = setting(
        "VAPID_SUBJECT",
        default="",
        help="The contact for Web Push services: `mailto:...` or `https://...`. If it is unset, `PUBLIC_BASE_URL`.",
    )
