"""Close the sockets whose session has ended: the user has signed out, the token has expired, or its key was removed."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection

from heidi_common.jwt.authentication import authenticate
from heidi_common.problems import Unauthorized
from heidi_realtime.backend import Backend
from heidi_realtime.client import Client
from heidi_realtime.codes import Code

log = logging.getLogger(__name__)
CHECK_SECONDS = 1.0
"""A socket outlives its session by this time and that of the check."""


async def watch(backend: Backend, clients: Collection[Client]) -> None:
    """Check the token of every client again and again; each token is checked once for all sockets that use it."""
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        by_token: dict[str, list[Client]] = defaultdict(list)
        for client in tuple(clients):
            if client.identity is not None:
                by_token[client.identity.token].append(client)
        try:
            reasons = await backend.run(_ended, tuple(by_token))
        except Exception as error:  # nothing can be delivered either, while the stores are unavailable
            log.warning("sessions cannot be checked", extra={"error": repr(error)[:300]})
            continue
        for token, reason in reasons.items():
            for client in by_token[token]:
                if client.identity is not None and client.identity.token == token:
                    client.close(Code.UNAUTHORIZED, reason)


def _ended(tokens: Collection[str]) -> dict[str, str]:
    """The tokens that are not accepted any more, with the reason."""
    reasons = {}
    for token in tokens:
        try:
            authenticate(token)
        except Unauthorized as error:
            reasons[token] = str(error)[:100]
    return reasons
