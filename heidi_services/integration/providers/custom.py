"""Anyone else: `config.verify` describes how the sender proves itself. Without it nothing is accepted."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heidi_common.crypto.webhook_signatures import InvalidSignature, header_bytes, verify_any_equal, verify_timestamp
from heidi_services.integration.providers.base import Config, Credentials, Inbound, Provider, Received, digest_of, text

TOLERANCE = 300
ALGORITHMS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
ENCODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "hex": lambda raw: raw.hex().encode(),
    "base64": base64.b64encode,
}
_PLACE = re.compile(r"\{(body|timestamp)\}")


def _hmac(inbound: Inbound, credentials: Credentials, rule: Mapping[str, Any]) -> None:
    timestamp = ""
    if rule.get("timestampHeader"):
        timestamp = inbound.header(rule["timestampHeader"])
        verify_timestamp(timestamp, inbound.now, rule.get("tolerance", TOLERANCE))
    signed = _filled(rule.get("template", "{body}"), inbound.body, header_bytes(timestamp))
    raw = hmac.new(credentials["secret"].encode(), signed, ALGORITHMS[rule.get("algorithm", "sha256")]).digest()
    expected = rule.get("prefix", "").encode() + ENCODINGS[rule.get("encoding", "hex")](raw)
    verify_any_equal(header_bytes(inbound.header(rule["header"])), expected)


def _filled(template: str, body: bytes, timestamp: bytes) -> bytes:
    """In one pass and over bytes: a body that contains `{timestamp}` stays as it is."""
    values = {"body": body, "timestamp": timestamp}
    parts = _PLACE.split(template)
    return b"".join(values[part] if index % 2 else part.encode() for index, part in enumerate(parts))


def _token(inbound: Inbound, credentials: Credentials, rule: Mapping[str, Any]) -> None:
    expected = rule.get("prefix", "") + credentials["token"]
    verify_any_equal(header_bytes(inbound.header(rule["header"])), expected.encode())


def _basic(inbound: Inbound, credentials: Credentials, rule: Mapping[str, Any]) -> None:
    scheme, _, encoded = inbound.header("Authorization").partition(" ")
    if scheme.lower() != "basic":
        raise InvalidSignature("not basic authentication")
    expected = f"{credentials['username']}:{credentials['password']}".encode()
    verify_any_equal(base64.b64decode(header_bytes(encoded.strip()), validate=True), expected)


SCHEMES = {"hmac": _hmac, "token": _token, "basic": _basic}
NEEDED = {"hmac": ("secret",), "token": ("token",), "basic": ("username", "password")}


def verify(inbound: Inbound, credentials: Credentials, config: Config) -> None:
    rule = config["verify"]
    SCHEMES[rule["scheme"]](inbound, credentials, rule)


def opened_by(credentials: Credentials, config: Config) -> bool:
    rule = config.get("verify")
    return rule is not None and all(credentials.get(name) for name in NEEDED[rule["scheme"]])


def events(inbound: Inbound, config: Config) -> Sequence[Received]:
    rule = config.get("verify") or {}
    found = _found(inbound, rule.get("idPath")), _found(inbound, rule.get("typePath"))
    return [Received(found[0] or digest_of(inbound.body), found[1] or "unknown", inbound.body)]


def _found(inbound: Inbound, path: str | None) -> str | None:
    """`data.id` walks the JSON body; `header:X-GitHub-Delivery` reads a header."""
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
    return text(value)


def flaws(credentials: Credentials, config: Config) -> Mapping[str, str]:
    """What the schema of `config.verify` cannot say: which settings belong together."""
    rule = config.get("verify") or {}
    if rule.get("scheme") in ("hmac", "token") and not rule.get("header"):
        return {"config/verify/header": "This scheme needs the name of a header."}
    template = rule.get("template", "{body}")
    if rule.get("scheme") == "hmac" and "{body}" not in template:
        return {"config/verify/template": "Must contain {body}."}
    if ("{timestamp}" in template) != bool(rule.get("timestampHeader")):
        return {"config/verify/timestampHeader": "Goes together with {timestamp} in the template."}
    return {}


PROVIDER = Provider(
    name="CUSTOM",
    credentials=frozenset({"secret", "token", "username", "password"}),
    opened_by=opened_by,
    verify=verify,
    events=events,
    flaws=flaws,
)
