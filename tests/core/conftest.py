"""Core in one app with the real services. The calls between them may fail (`peers`)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from heidi_common.identity.models import Role
from heidi_common.operations.registry import core_scopes
from heidi_common.peers import transport
from heidi_services.auth.service import clients
from heidi_services.core import credentials
from tests.core.operation_helpers import PeerCalls


@pytest.fixture
def admin(as_user: Callable[..., Any]) -> Any:
    return as_user(Role.ADMIN)


@pytest.fixture
def core_machine(app: Flask, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """The ID of core's machine client, with which the app is configured."""
    created = clients.create_client("core", [str(scope) for scope in core_scopes()], actor=None)
    configured = {"core_client_id": str(created["id"]), "core_client_secret": created["client_secret"]}
    runtime = app.extensions["heidi"]
    monkeypatch.setattr(runtime, "settings", replace(runtime.settings, **configured))
    monkeypatch.setattr(credentials, "_cached_tokens", {})
    client_id: UUID = created["id"]
    return client_id


@pytest.fixture
def peers(app: Flask, core_machine: UUID, monkeypatch: pytest.MonkeyPatch) -> PeerCalls:
    """The calls from core to the real services."""
    calls = PeerCalls(app, transport._call_in_process)
    monkeypatch.setattr(transport, "_call_in_process", calls)
    return calls
