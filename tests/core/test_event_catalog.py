"""The catalog of event types: schemas and examples agree with the classes, and docs/events.md with both."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from jsonschema import Draft202012Validator, ValidationError

from heidi_common.identity.models import Role
from heidi_common.messaging import event_catalog
from heidi_common.messaging.event_catalog import EventType, event_types
from heidi_common.messaging.events import CityCreated, UserUpdated, all_event_types
from tests.conftest import SignedIn

DOCUMENT = Path(__file__).parents[2] / "docs/events.md"
BY_TYPE = {item.type: item for item in event_types()}


def test_every_event_type_is_in_the_catalog_once() -> None:
    assert sorted(kind.type for kind in all_event_types()) == [item.type for item in event_types()]


@pytest.mark.parametrize("item", event_types(), ids=lambda item: item.type)
def test_a_type_is_described_and_its_example_is_valid(item: EventType) -> None:
    Draft202012Validator.check_schema(item.schema)
    Draft202012Validator(item.schema).validate(item.example)
    assert set(item.example) == set(item.schema["properties"])
    assert item.version >= 1
    assert item.description and "Attributes:" not in item.description
    assert "Base of all events" not in item.description


def test_a_schema_accepts_what_is_emitted_and_rejects_what_is_not() -> None:
    schema = Draft202012Validator(BY_TYPE["user.updated"].schema)
    event = UserUpdated(id=uuid4(), role="ADMIN", is_active=False, changed=("role", "email"))
    schema.validate(event.data())
    schema.validate(UserUpdated(id=uuid4(), role="ADMIN", is_active=True).data())
    for wrong in ({"isActive": "no"}, {"changed": "role"}, {"role": None}):
        with pytest.raises(ValidationError):
            schema.validate(event.data() | wrong)
    with pytest.raises(ValidationError):
        Draft202012Validator(BY_TYPE["city.created"].schema).validate({"id": str(uuid4())})
    Draft202012Validator(BY_TYPE["city.created"].schema).validate(CityCreated(id=uuid4(), country="AT").data())


def test_the_document_is_that_of_the_code() -> None:
    assert DOCUMENT.read_text() == event_catalog.markdown(), "run `make events`"


def test_every_user_can_read_the_catalog(app: Flask, as_user: Any) -> None:
    user: SignedIn = as_user()
    client = app.test_client()
    response = client.get("/api/v1/core/event-types", headers=user.headers)
    assert response.status_code == 200
    listed = {item["type"]: item for item in response.get_json()["data"]}
    assert set(listed) == set(BY_TYPE)
    assert listed["city.created"]["schema"] == BY_TYPE["city.created"].schema
    again = client.get("/api/v1/core/event-types", headers=user.headers | {"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304
    assert client.get("/api/v1/core/event-types").status_code == 401
    assert client.get("/api/v1/core/event-types", headers=as_user(Role.ADMIN).headers).status_code == 200
