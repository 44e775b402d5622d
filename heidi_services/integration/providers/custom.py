"""Any other sender: `config.verify` describes how the sender signs or authenticates. Without it, all are rejected."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marshmallow import fields, validate

from heidi_common.crypto.webhook_verification import (
    InvalidSignature,
    header_bytes,
    verify_any_equal,
    verify_hex,
    verify_timestamp,
)
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import Text
from heidi_common.schemas.validators import Length
from heidi_services.integration.providers import base, hub_challenge

TOLERANCE_SECONDS = 300
ALGORITHMS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
ENCODINGS = ("base64", "hex")
MAX_TOLERANCE_SECONDS = 7 * 86400
Verifier = Callable[[base.InboundWebhook, base.Credentials, Mapping[str, Any]], None]
_PLACEHOLDER = re.compile(r"\{(body|timestamp)\}")


def _verify_hmac(inbound: base.InboundWebhook, credentials: base.Credentials, rule: Mapping[str, Any]) -> None:
    timestamp = ""
    if rule.get("timestampHeader"):
        timestamp = inbound.header(rule["timestampHeader"])
        verify_timestamp(timestamp, inbound.now, rule.get("tolerance", TOLERANCE_SECONDS))
    signed = _fill_template(rule.get("template", "{body}"), inbound.body, header_bytes(timestamp))
    digest = hmac.new(credentials["secret"].encode(), signed, ALGORITHMS[rule.get("algorithm", "sha256")]).digest()
    signature, prefix = inbound.header(rule["header"]).strip(), rule.get("prefix", "")
    if rule.get("encoding", "hex") == "hex":
        verify_hex(signature, prefix + digest.hex())
    else:
        verify_any_equal(header_bytes(signature), prefix.encode() + base64.b64encode(digest))


def _fill_template(template: str, body: bytes, timestamp: bytes) -> bytes:
    """Replace all placeholders in one pass: `{timestamp}` inside the body is not a placeholder."""
    values = {"body": body, "timestamp": timestamp}
    parts = _PLACEHOLDER.split(template)
    return b"".join(values[part] if index % 2 else part.encode() for index, part in enumerate(parts))


def _verify_token(inbound: base.InboundWebhook, credentials: base.Credentials, rule: Mapping[str, Any]) -> None:
    expected = rule.get("prefix", "") + credentials["token"]
    verify_any_equal(header_bytes(inbound.header(rule["header"])), expected.encode())


def _verify_basic(inbound: base.InboundWebhook, credentials: base.Credentials, rule: Mapping[str, Any]) -> None:
    scheme, _, encoded = inbound.header("Authorization").partition(" ")
    if scheme.lower() != "basic":
        raise InvalidSignature("not basic authentication")
    expected = f"{credentials['username']}:{credentials['password']}".encode()
    verify_any_equal(base64.b64decode(header_bytes(encoded.strip()), validate=True), expected)


SCHEMES: Mapping[str, Verifier] = {"hmac": _verify_hmac, "token": _verify_token, "basic": _verify_basic}
_HEADER = validate.Regexp(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z", error="Must be a valid header name.")


class VerifyIn(Schema):
    """How a CUSTOM sender signs or authenticates. `find_errors` checks which fields belong together."""

    scheme = fields.String(required=True, validate=validate.OneOf(sorted(SCHEMES)))
    header = Text(max=100, validate=_HEADER)
    prefix = fields.String(validate=[Length(max=50), validate.ContainsNoneOf("\r\n\0")])
    algorithm = fields.String(validate=validate.OneOf(sorted(ALGORITHMS)))
    encoding = fields.String(validate=validate.OneOf(ENCODINGS))
    template = Text(max=200)
    timestamp_header = Text(max=100, validate=_HEADER)
    tolerance = fields.Integer(strict=True, validate=validate.Range(1, MAX_TOLERANCE_SECONDS))
    id_path = Text(max=200)
    type_path = Text(max=200)


class CustomConfig(Schema):
    verify = fields.Nested(VerifyIn, metadata={"description": "How the sender signs or authenticates its webhooks."})


REQUIRED_CREDENTIALS = {"hmac": ("secret",), "token": ("token",), "basic": ("username", "password")}


def can_verify(credentials: base.Credentials, config: base.Config) -> bool:
    rule = config.get("verify")
    return rule is not None and all(credentials.get(name) for name in REQUIRED_CREDENTIALS[rule["scheme"]])


def verify_signature(inbound: base.InboundWebhook, credentials: base.Credentials, config: base.Config) -> None:
    rule = config["verify"]
    SCHEMES[rule["scheme"]](inbound, credentials, rule)


def parse_events(inbound: base.InboundWebhook, config: base.Config) -> Sequence[base.ReceivedEvent]:
    rule = config.get("verify") or {}
    event_id = _extract(inbound, rule.get("idPath"))
    return [base.ReceivedEvent(event_id, _extract(inbound, rule.get("typePath")) or "unknown", inbound.body)]


def signature_timestamp(inbound: base.InboundWebhook, config: base.Config) -> str | None:
    """Only a timestamp that the signature covers identifies a request."""
    header = (config.get("verify") or {}).get("timestampHeader")
    return inbound.headers.get(header.lower()) if header else None


def _extract(inbound: base.InboundWebhook, path: str | None) -> str | None:
    """The value at `path`: `data.id` is a path in the JSON body, `header:X-GitHub-Delivery` names a header."""
    if not path:
        return None
    if path.startswith("header:"):
        return inbound.headers.get(path.removeprefix("header:").strip().lower())
    try:
        value: Any = json.loads(inbound.body)
        for step in path.split("."):
            value = value[int(step)] if isinstance(value, list) else value[step]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return base.id_or_type(value)


def find_errors(credentials: base.Credentials, config: base.Config) -> Mapping[str, str]:
    """Check which fields of `config.verify` belong together; the schema has checked each field."""
    rule = config.get("verify") or {}
    if rule.get("scheme") in ("hmac", "token") and not rule.get("header"):
        return {"config/verify/header": "Required for this scheme: the name of the header to verify."}
    template = rule.get("template", "{body}")
    if rule.get("scheme") == "hmac" and "{body}" not in template:
        return {"config/verify/template": "Must contain {body}."}
    if ("{timestamp}" in template) != bool(rule.get("timestampHeader")):
        return {"config/verify/timestampHeader": "`timestampHeader` and {timestamp} in `template` require each other."}
    return {}


PROVIDER = base.Provider(
    name="CUSTOM",
    description="Any other sender. `config.verify` says how it signs or authenticates its webhooks.",
    credential_names=("secret", "token", "username", "password", "verifyToken"),
    can_verify=can_verify,
    verify_signature=verify_signature,
    parse_events=parse_events,
    config_schema=CustomConfig,
    signature_timestamp=signature_timestamp,
    answer_challenge=hub_challenge.answer,
    find_errors=find_errors,
)
