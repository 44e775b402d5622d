"""A schedule action is one declaration: one file adds it to the API, its documentation and the executor."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.scheduler.actions import ACTIONS
from heidi_services.scheduler.service.runs import executor
from tests.variants import report_emit

SCHEDULES = "/api/v1/schedules"


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACTIONS, report_emit.ACTION.name, report_emit.ACTION)


def body(payload: Any) -> dict[str, Any]:
    return {"name": "reports", "cronExpression": "30 2 * * *", "action": "report.emit", "payload": payload}


def test_an_action_of_one_file_is_performed(client: FlaskClient, admin: Any) -> None:
    created = client.post(SCHEDULES, json=body({"pages": 3}), headers=admin.headers)
    assert created.status_code == 201, created.json
    schedule_id = created.json["data"]["id"]
    run_id = client.post(f"{SCHEDULES}/{schedule_id}/run", headers=admin.headers).json["data"]["id"]
    assert executor.execute_batch([UUID(run_id)]) == []
    [run] = client.get(f"{SCHEDULES}/{schedule_id}/runs", headers=admin.headers).json["data"]
    assert (run["status"], run["result"]) == ("SUCCEEDED", {"pages": 3})
    emitted = db.session.scalars(select(OutboxEvent.data).where(OutboxEvent.type == "custom.report.ordered")).one()
    assert emitted["payload"] == {"pages": 3}
    [listed] = client.get(f"{SCHEDULES}?action=report.emit", headers=admin.headers).json["data"]
    assert listed["id"] == schedule_id


def test_its_payload_is_validated(client: FlaskClient, admin: Any) -> None:
    for payload in ({}, {"pages": 0}, {"pages": "3"}, {"pages": 3, "color": "red"}):
        response = client.post(SCHEDULES, json=body(payload), headers=admin.headers)
        assert response.status_code == 422
        assert response.json["errors"][0]["pointer"].startswith("/payload")


def test_it_is_listed_with_the_schema_of_its_payload(client: FlaskClient, admin: Any) -> None:
    actions = client.get(f"{SCHEDULES}/actions", headers=admin.headers).json["data"]
    [listed] = [item for item in actions if item["name"] == "report.emit"]
    assert listed["description"] == "Order a report"
    assert not Draft202012Validator(listed["payload"]).is_valid({"pages": 51})
