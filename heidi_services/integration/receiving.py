"""The door for providers: no token, but a signature over the raw body."""

from __future__ import annotations

import time
from uuid import UUID

from flask import Response, request

from heidi_common.guards import public
from heidi_common.http import Blueprint, raw_body
from heidi_common.runtime import runtime

from .providers import Inbound
from .schemas import ReceivedOut
from .service import receiver

receiving = Blueprint("webhooks", __name__, description="Where providers send their webhooks")


@receiving.route("/api/v1/webhooks/<string:provider>/<uuid:integration_id>", methods=["POST"])
@public
@receiving.response(200, ReceivedOut)
def receive_webhook(provider: str, integration_id: UUID) -> receiver.Receipt | Response:
    """Verified by the provider's own scheme; answered once the events are stored. A repetition changes nothing."""
    receipt = receiver.take_in(provider, integration_id, _inbound())
    if receipt.reply is not None:
        body, content_type = receipt.reply
        return Response(body, content_type=content_type)
    return receipt


def _inbound() -> Inbound:
    """The raw body first, before anything parses it. The URL is the public one: `Host` may say anything."""
    body = raw_body()
    query = request.query_string.decode("latin-1")
    url = runtime().settings.public_base_url + request.path + (f"?{query}" if query else "")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Inbound(body, headers, url, time.time())
