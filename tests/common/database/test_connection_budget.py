"""The connections that all processes can open, and the time limits of sessions behind PgBouncer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import text

from heidi_common.cli import doctor_checks
from heidi_common.config.sections.processes import WebProcess
from heidi_common.config.settings import Settings
from heidi_common.database import connection_budget, role_settings
from heidi_common.database.dsn import psycopg2_dsn
from heidi_common.database.session import db, init_db
from heidi_services import SERVICES

PARAMETERS = role_settings.session_parameters(30)


def test_every_kind_of_process_has_a_share(settings: Settings) -> None:
    names = [share.process for share in connection_budget.shares(settings, WebProcess())]
    assert names == [*SERVICES, "worker", "realtime", "relay", "clock"]


def test_a_process_opens_no_more_connections_than_it_has_threads(settings: Settings) -> None:
    shares = {share.process: share for share in connection_budget.shares(settings, WebProcess())}
    assert shares["city"].pooled == 2 * 2
    assert shares["core"].pooled == 2 * settings.database_pool_size
    assert {name for name, share in shares.items() if share.direct} == {"core", "notification", "realtime", "relay"}


@pytest.mark.parametrize(
    ("changes", "web"), [({"max_instances": 3}, {}), ({"database_max_overflow": 7}, {}), ({}, {"workers": 4})]
)
def test_the_budget_grows_with_the_settings(settings: Settings, changes: dict[str, int], web: dict[str, int]) -> None:
    smaller = connection_budget.total(settings, WebProcess())
    larger = connection_budget.total(replace(settings, **changes), WebProcess(**web))
    assert larger.pooled > smaller.pooled


def test_doctor_compares_the_budget_with_the_server(app: Flask, settings: Settings) -> None:
    fitting = replace(settings, database_pool_size=1)
    assert "can be opened by 1 instances" in doctor_checks._connections(fitting)
    with pytest.raises(doctor_checks.CheckFailed, match=r"\d+ of 117 can be opened by 50 instances"):
        doctor_checks._connections(replace(settings, max_instances=50))


def test_role_settings_apply_to_new_sessions_and_are_stored_once(scratch: Flask) -> None:
    dsn = psycopg2_dsn(scratch.config["SQLALCHEMY_DATABASE_URI"])
    assert role_settings.differences(dsn, PARAMETERS).keys() >= {"statement_timeout", "lock_timeout"}
    assert role_settings.store(dsn, PARAMETERS)
    assert role_settings.differences(dsn, PARAMETERS) == {}
    assert not role_settings.store(dsn, PARAMETERS)
    assert role_settings.store(dsn, role_settings.session_parameters(7))
    assert role_settings.differences(dsn, PARAMETERS) == {"statement_timeout": "7000", "lock_timeout": "7000"}


def test_doctor_reports_sessions_without_time_limits_behind_pgbouncer(scratch: Flask, settings: Settings) -> None:
    url = scratch.config["SQLALCHEMY_DATABASE_URI"]
    pooled = replace(settings, database_url=url, database_direct_url=url)
    with pytest.raises(doctor_checks.CheckFailed, match="lock_timeout, statement_timeout"):
        doctor_checks._connections(pooled)
    role_settings.store(psycopg2_dsn(url), PARAMETERS)
    assert "to PgBouncer" in doctor_checks._connections(pooled)


def test_connections_to_pgbouncer_have_no_options(settings: Settings) -> None:
    pooled, direct = Flask("pooled"), Flask("direct")
    with pooled.app_context():
        init_db(pooled, replace(settings, database_direct_url=settings.database_url))
    with direct.app_context():
        init_db(direct, replace(settings, database_direct_url=""))
        assert db.session.scalar(text("SHOW statement_timeout")) == "30s"
        db.session.remove()
        db.engine.dispose()
    options = [app.config["SQLALCHEMY_ENGINE_OPTIONS"]["connect_args"] for app in (pooled, direct)]
    assert ["options" in item for item in options] == [False, True]
