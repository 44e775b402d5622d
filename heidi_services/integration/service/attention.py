"""Integrations that need an operator's attention."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from heidi_common.metrics.attention import RECENT, AttentionItem, attention_item, present
from heidi_services.integration.enums import DeliveryStatus
from heidi_services.integration.models import Delivery, Integration

URL = "/api/v1/integrations"


def find_problems(now: datetime) -> list[AttentionItem]:
    """Endpoints that were switched off or fail, and the deliveries that have failed in the last day."""
    disabled = select(Integration.updated_at).where(~Integration.is_active, Integration.disabled_reason.is_not(None))
    failing = select(Integration.failing_since).where(Integration.is_active, Integration.failing_since.is_not(None))
    failed = select(Delivery.updated_at).where(
        Delivery.status == DeliveryStatus.FAILED, Delivery.updated_at >= now - RECENT
    )
    return present(
        [
            attention_item("disabledEndpoints", f"{URL}?isActive=false", disabled),
            attention_item("failingEndpoints", f"{URL}?isFailing=true", failing),
            attention_item("failedDeliveries", f"{URL}/deliveries?status={DeliveryStatus.FAILED}", failed),
        ]
    )
