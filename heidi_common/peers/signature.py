"""The header `X-Heidi-Peer`, which proves that a request comes from another service of the platform.

Rate limits count a request once, where it reaches the platform, and not the calls between services that it causes. The
header is a signature of the access token with the secret that the services share (SECRET_KEY): it is valid with this
token only, and as long as this token. It also signs `X-Heidi-On-Behalf-Of`, the ID of the user or machine client whose
operation core runs as its own machine client.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from werkzeug.datastructures import Headers

from heidi_common.crypto.signed_values import value_signer

HEADER = "X-Heidi-Peer"
REQUESTER_HEADER = "X-Heidi-On-Behalf-Of"


def signature_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The header that signs a call to another service.

    Args:
        headers: The headers of the call.

    Returns:
        `X-Heidi-Peer`; nothing if the call has no `Authorization`.
    """
    text = _signed_text(headers)
    return {HEADER: value_signer("peer").get_signature(text).decode()} if text else {}


def is_valid_peer(headers: Headers) -> bool:
    """Whether a request is a call from another service: its signature is valid for what it signs."""
    signature, text = headers.get(HEADER), _signed_text(headers)
    return bool(signature and text and value_signer("peer").verify_signature(text, signature))


def signed_requester(headers: Headers) -> UUID | None:
    """The user or machine client on whose behalf another service calls; None if the header is missing or forged."""
    requester = headers.get(REQUESTER_HEADER)
    return UUID(requester) if requester and is_valid_peer(headers) else None


def _signed_text(headers: Mapping[str, str] | Headers) -> str:
    token, requester = headers.get("Authorization"), headers.get(REQUESTER_HEADER)
    return f"{token}\n{requester}" if token and requester else token or ""
