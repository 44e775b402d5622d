"""Calls to other services."""

from __future__ import annotations

from flask import Flask
from pytest_httpserver import HTTPServer

from heidi_common.peers.client import call_peer
from heidi_common.peers.models import PeerRequest


def test_a_page_of_large_webhooks_is_not_too_large_a_response(core: Flask, httpserver: HTTPServer) -> None:
    """Otherwise the export of a user with such webhooks would always fail."""
    page = {"data": ["x" * 1024 * 1024] * 20, "meta": {}}
    httpserver.expect_request("/integration/api/v1/events").respond_with_json(page)
    with core.app_context():
        response = call_peer(PeerRequest("integration", "/api/v1/events"))
    assert (response.error, len(response.data)) == (None, 20)
