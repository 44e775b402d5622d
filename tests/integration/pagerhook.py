"""A provider that the platform does not have: everything about it is declared in this file."""

import json
from collections.abc import Sequence

from marshmallow import fields, validate

from heidi_common.crypto.webhook_verification import header_bytes, verify_any_equal
from heidi_common.schemas.base import Schema
from heidi_services.integration.providers import base


class PagerhookConfig(Schema):
    severity = fields.String(required=True, validate=validate.OneOf(["low", "high"]))


def verify_signature(inbound: base.InboundWebhook, credentials: base.Credentials, config: base.Config) -> None:
    verify_any_equal(header_bytes(inbound.header("X-Pager-Key")), credentials["key"].encode())


def parse_events(inbound: base.InboundWebhook, config: base.Config) -> Sequence[base.ReceivedEvent]:
    alarms = json.loads(inbound.body)["alarms"]
    return [base.received_event(alarm["id"], config["severity"], json.dumps(alarm).encode()) for alarm in alarms]


PROVIDER = base.Provider(
    name="PAGERHOOK",
    description="Alarms of pagers.",
    credential_names=("key",),
    can_verify=base.requires("key"),
    verify_signature=verify_signature,
    parse_events=parse_events,
    config_schema=PagerhookConfig,
    generated_credential="key",
)
