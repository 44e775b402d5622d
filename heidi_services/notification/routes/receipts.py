"""Where providers say what became of a message."""

from __future__ import annotations

from flask import request

from heidi_common.database.models import utcnow
from heidi_common.interceptors.transform import Blueprint, raw_body
from heidi_common.interceptors.validation import any_query
from heidi_common.jwt.guards import public
from heidi_common.openapi.headers import RAW_BODY
from heidi_common.runtime import current_settings
from heidi_services.notification.channels.delivery_receipt import Inbound
from heidi_services.notification.service import receipts

blp = Blueprint("notification-receipts", __name__, description="What providers say later")


@blp.route("/api/v1/notifications/receipts/<provider>", methods=["POST"])
@public
@any_query
@blp.doc(requestBody=RAW_BODY)
@blp.response(204)
def take_receipt(provider: str) -> None:
    """Verified by the provider's signature over the URL it was given, not the one that Host claims."""
    query = f"?{request.query_string.decode('ascii', 'replace')}" if request.query_string else ""
    url = f"{current_settings().public_base_url}{request.path}{query}"
    headers = {name.lower(): value for name, value in request.headers.items()}
    receipts.take_in(provider, Inbound(url, headers, raw_body(), utcnow()))
