"""Settings of the delivery of messages, and of the providers that deliver them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from heidi_common.config.declaration import setting
from heidi_common.config.mail_sender import helo_name, mail_sender
from heidi_common.config.parsers import host_and_port, positive, rates, smtp_url


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
    dns_server: str = setting(
        "DNS_SERVER",
        parse=host_and_port,
        default="",
        help="The name server for the records of sender domains, such as `192.0.2.53:53`. Empty: the system's.",
    )
    provider_rates: Mapping[str, float] = setting(
        "PROVIDER_RATES",
        parse=rates,
        default={},
        help="Maximum messages per second by provider: `twilio=10,sendgrid=50`. Others are not limited.",
    )
