"""Asking another service."""

from __future__ import annotations

from flask import Flask
from pytest_httpserver import HTTPServer

from heidi_common.peers.client import call_peer
from heidi_common.peers.models import PeerRequest


def test_a_page_of_large_webhooks_is_not_too_large_an_answer(core: Flask, httpserver: HTTPServer) -> None:
    """An export would fail for ever for whoever has received them."""
    page = {"data": ["x" * 1024 * 1024] * 20, "meta": {}}
    httpserver.expect_request("/integration/api/v1/events").respond_with_json(page)
    with core.app_context():
        reply = call_peer(PeerRequest("integration", "/api/v1/events"))
    assert (reply.error, len(reply.data)) == (None, 20)
