"""Delivery receipts: providers report what happened to a message after they accepted it."""

from __future__ import annotations

from flask import request

from heidi_common.database.models import utcnow
from heidi_common.interceptors.transform import Blueprint, raw_body
from heidi_common.interceptors.validation import any_query
from heidi_common.jwt.guards import public
from heidi_common.openapi.headers import RAW_BODY
from heidi_common.runtime import current_settings
from heidi_services.notification.channels.delivery_receipt import ProviderCallback
from heidi_services.notification.service import receipts

blp = Blueprint("notification-receipts", __name__, description="Delivery receipts from providers")


@blp.route("/api/v1/notifications/receipts/<provider>", methods=["POST"])
@public
@any_query
@blp.doc(requestBody=RAW_BODY)
@blp.response(204)
def take_receipt(provider: str) -> None:
    """Accept a provider's delivery receipts. They must carry the provider's signature."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    receipts.process_receipts(provider, ProviderCallback(_signed_url(), headers, raw_body(), utcnow()))


def _signed_url() -> str:
    """The URL that the provider was configured with, which its signature covers; the Host header is not trusted."""
    query = f"?{request.query_string.decode('ascii', 'replace')}" if request.query_string else ""
    return f"{current_settings().public_base_url}{request.path}{query}"
