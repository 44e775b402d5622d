"""Calls to other services over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from heidi_common.app import base_app
from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.peers.client import call_peer
from heidi_common.peers.models import PeerRequest, PeerResponse
from heidi_services.integration.models import WebhookEvent
from tests.conftest import SignedIn
from tests.served_app import served


def test_a_page_of_large_webhooks_is_not_too_large_a_response(
    app: Flask, client: FlaskClient, settings: Settings, as_user: Callable[..., Any]
) -> None:
    """Otherwise the export of a user with such webhooks would always fail."""
    owner = as_user()
    hook = {"provider": "WEBHOOK", "name": "large", "webhookUrl": "http://127.0.0.1:9/"}
    created = client.post("/api/v1/integrations", json=hook, headers=owner.headers).get_json()["data"]
    body = b"x" * 1024 * 1024
    with transaction():
        for number in range(20):
            db.session.add(
                WebhookEvent(integration_id=created["id"], provider_event_id=str(number), type="large", body=body)
            )
    with served(app) as url:
        response = call_over_http(settings.changed(peer_url=url), owner, f"/api/v1/integrations/{created['id']}/events")
    assert (response.error, len(response.data)) == (None, 20)
    assert len(response.content) > 20 * len(body)


def call_over_http(settings: Settings, user: SignedIn, path: str) -> PeerResponse:
    with base_app(settings, "caller").app_context():
        try:
            return call_peer(PeerRequest("integration", path, headers=user.headers))
        finally:
            db.engine.dispose()
