"""The header `X-Heidi-Peer`, which proves that a request comes from another service of the platform.

Rate limits count a request once, where it reaches the platform, and not the calls between services that it causes. The
header is a signature of the access token with the secret that the services share (SECRET_KEY): it is valid with this
token only, and as long as this token.
"""

from __future__ import annotations

from collections.abc import Mapping

from werkzeug.datastructures import Headers

from heidi_common.crypto.signing import signer

HEADER = "X-Heidi-Peer"


def signature_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The header that signs a call to another service.

    Args:
        headers: The headers of the call.

    Returns:
        `X-Heidi-Peer`; nothing if the call has no `Authorization`.
    """
    token = headers.get("Authorization")
    return {HEADER: signer("peer").get_signature(token).decode()} if token else {}


def is_valid_peer(headers: Headers) -> bool:
    """Whether a request is a call from another service: its signature is valid for its `Authorization`."""
    signature, token = headers.get(HEADER), headers.get("Authorization")
    return bool(signature and token and signer("peer").verify_signature(token, signature))
