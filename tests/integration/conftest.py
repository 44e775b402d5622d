from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer

from tests.integration.helpers import create_integration


@pytest.fixture
def endpoint(client: FlaskClient, as_user: Callable[..., Any], httpserver: HTTPServer) -> dict[str, Any]:
    """An integration that forwards the events about its owner to the test's server."""
    me = as_user()
    url = httpserver.url_for("/hook")
    created = create_integration(client, me.headers, webhookUrl=url, config={"eventTypes": ["*"]})
    return created | {"headers": me.headers, "user_id": me.user.id}
