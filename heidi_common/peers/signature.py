"""Proves that one service asks another: what a person has caused is counted once, where they came in.

Signed with the secret that the services share, over the token that the question is asked with: it is worth nothing
without that token, and ends with it.
"""

from __future__ import annotations

from collections.abc import Mapping

from werkzeug.datastructures import Headers

from heidi_common.crypto.signing import signer

HEADER = "X-Heidi-Peer"


def signature_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The header to send along; none for a question that is asked without a token."""
    token = headers.get("Authorization")
    return {HEADER: signer("peer").get_signature(token).decode()} if token else {}


def is_valid_peer(headers: Headers) -> bool:
    given, token = headers.get(HEADER), headers.get("Authorization")
    return bool(given and token and signer("peer").verify_signature(token, given))
