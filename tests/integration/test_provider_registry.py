"""A provider is one declaration: one file adds it to the API, its documentation, the commands and the receiver."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from heidi_services.integration.providers.registry import PROVIDERS
from tests.integration import pagerhook
from tests.integration.helpers import API, create_integration


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, pagerhook.PROVIDER.name, pagerhook.PROVIDER)


@pytest.mark.usefixtures("added")
def test_a_provider_of_one_file_is_used_end_to_end(
    app: Flask, client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    headers = as_user().headers
    created = create_integration(client, headers, provider="PAGERHOOK", config={"severity": "high"})
    body = json.dumps({"alarms": [{"id": 1}, {"id": 2}, {"id": 1}]})
    receiver = f"/api/v1/webhooks/pagerhook/{created['id']}"
    assert client.post(receiver, data=body, headers={"X-Pager-Key": "wrong"}).status_code == 401
    response = client.post(receiver, data=body, headers={"X-Pager-Key": created["secret"]})
    assert response.json["data"] == {"received": 3, "stored": 2}
    events = client.get(f"{API}/{created['id']}/events", headers=headers).json["data"]
    assert {(event["providerEventId"], event["type"]) for event in events} == {("1", "high"), ("2", "high")}
    [listed] = client.get(f"{API}?provider=PAGERHOOK", headers=headers).json["data"]
    assert listed["id"] == created["id"]
    assert "PAGERHOOK" in app.test_cli_runner().invoke(args=["integrations", "list"]).output
    assert client.post(f"{API}/{created['id']}/test", headers=headers).status_code == 200


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        ({}, "/config/severity"),
        ({"severity": "medium"}, "/config/severity"),
        ({"severity": "low", "tolerance": 5}, "/config/tolerance"),
        ({"severity": "low", "eventTypes": ["no.such"]}, "/config/eventTypes/0"),
    ],
)
def test_the_config_is_validated_by_the_declared_schema(
    client: FlaskClient, as_user: Callable[..., Any], config: dict[str, Any], pointer: str
) -> None:
    body = {"provider": "PAGERHOOK", "name": "x", "config": config}
    response = client.post(API, json=body, headers=as_user().headers)
    assert (response.status_code, [error["pointer"] for error in response.json["errors"]]) == (422, [pointer])


@pytest.mark.usefixtures("added")
def test_the_providers_are_listed_with_what_a_form_needs(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    providers = {item["name"]: item for item in client.get(f"{API}/providers", headers=as_user().headers).json["data"]}
    assert providers.keys() == PROVIDERS.keys()
    for provider in providers.values():
        Draft202012Validator.check_schema(provider["config"])
        assert provider["description"].endswith(".")
    assert providers["PAGERHOOK"]["credentials"] == ["key"]
    schema = Draft202012Validator(providers["CUSTOM"]["config"])
    assert schema.is_valid({"verify": {"scheme": "hmac", "header": "X-Sig"}, "dedupeSeconds": 5})
    assert not schema.is_valid({"verify": {"scheme": "rot13"}})
    assert not schema.is_valid({"severity": "low"})


def test_a_provider_that_is_not_declared_is_unknown(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    for provider in ("PAGERHOOK", "stripe", "", None):
        response = client.post(API, json={"provider": provider, "name": "x"}, headers=as_user().headers)
        assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "/provider")


def test_a_name_that_another_provider_has_is_an_error_with_the_known_names(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    body = {"provider": "STRIPE", "name": "x", "config": {"verify": {"scheme": "basic"}}}
    [error] = client.post(API, json=body, headers=as_user().headers).json["errors"]
    assert error["pointer"] == "/config/verify"
    assert error["detail"] == "Unknown name. The `config` of STRIPE may contain dedupeSeconds, eventTypes."
