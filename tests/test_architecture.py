"""The rules of the house, checked on the house; beside each one a ruin on which it must fail."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, text

from heidi_common.database.session import db
from heidi_common.jwt.guards import public
from heidi_common.messaging.events import Event, all_event_types
from heidi_services import SERVICES
from heidi_services.core.service import operations
from tests.architecture import messaging, migrations, request_headers, routing, source, table_ownership
from workers import actors
from workers.broker import QUEUES
from workers.periodic_tasks import PERIODIC_TASKS, PeriodicTask, WakeUp
from workers.subscriptions import SUBSCRIPTIONS, Consume, Hint

ROOT = Path(__file__).parent.parent
TREES = source.sources()

Documents = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def documents(platform: Flask) -> Documents:
    """Service -> its OpenAPI document, as a client gets it."""
    client = platform.test_client()
    return {found.name: client.get(f"/docs/{found.name}/openapi.json").get_json() for found in SERVICES.values()}


# routes and documents


def test_every_route_says_who_may_call_it(platform: Flask) -> None:
    assert routing.unmarked(platform) == []


def test_a_route_without_a_mark_is_noticed() -> None:
    app = Flask("ruin", static_folder=None)
    app.add_url_rule("/open", view_func=public(lambda: "seen"), endpoint="open")
    app.add_url_rule("/forgotten", view_func=lambda: "seen", endpoint="forgotten")
    assert routing.unmarked(app) == ["/forgotten"]


def test_every_route_of_the_api_stands_in_a_document(platform: Flask, documents: Documents) -> None:
    assert routing.undocumented(platform, documents) == []


def test_a_route_outside_the_documents_is_noticed(platform: Flask, documents: Documents) -> None:
    shortened = {"city": {"paths": {"/api/v1/cities/{city_id}": {"get": {}}}}}
    assert "GET /api/v1/cities" in routing.undocumented(platform, shortened)
    assert "GET /api/v1/cities/<uuid:city_id>" not in routing.undocumented(platform, shortened)


def test_every_document_is_valid_openapi_3_1(documents: Documents) -> None:
    assert [error for document in documents.values() for error in routing.invalid(document)] == []


def test_an_invalid_document_is_noticed(documents: Documents) -> None:
    assert routing.invalid({**documents["city"], "openapi": "3.0.3"})
    assert routing.invalid({**documents["city"], "info": {"title": "no version"}})


def test_every_operation_names_the_roles_that_may_call_it(documents: Documents) -> None:
    assert routing.without_roles(routing.operations(documents)) == []


def test_every_operation_says_what_it_does(documents: Documents) -> None:
    assert routing.without_summary(routing.operations(documents)) == []
    mute = routing.Operation("users", "get", "/api/v1/users", {"summary": " "})
    assert routing.without_summary([mute, replace(mute, doc={})]) == ["GET /api/v1/users"] * 2


@pytest.mark.parametrize(
    "doc",
    [
        {},
        {"x-roles": ["ADMIN"]},
        {"x-roles": [], "security": [{"bearer": []}]},
        {"x-roles": ["ADMIN"], "security": []},
        {"x-roles": ["PUBLIC"], "security": [{"bearer": []}]},
    ],
)
def test_an_operation_that_hides_its_roles_is_noticed(doc: dict[str, Any]) -> None:
    assert routing.without_roles([routing.Operation("users", "get", "/api/v1/users", doc)]) == ["GET /api/v1/users"]


def public_paths(documents: Documents) -> dict[str, str]:
    """Path -> the service that answers it; every service's Swagger UI included."""
    paths = {found.url: found.service for found in routing.operations(documents)}
    return paths | {f"/docs/{name}/": name for name in documents} | {"/docs/": "core"}


def test_the_router_brings_every_path_to_its_service(documents: Documents) -> None:
    template = (ROOT / "nginx" / "nginx.conf.template").read_text()
    assert routing.misrouted(public_paths(documents), routing.locations(template)) == []


def test_a_prefix_that_the_router_lacks_or_nobody_needs_is_noticed() -> None:
    template = "location = /stream { proxy_pass http://core; } location ~ ^/api/users(/|$) { proxy_pass http://users; }"
    found = routing.locations(template)
    assert routing.misrouted({"/api/users/1": "users", "/stream": "core"}, found) == []
    assert routing.misrouted({"/api/users": "auth", "/stream": "core"}, found) == ["/api/users goes to users"]
    assert routing.misrouted({"/api/users": "users", "/other": "core"}, found) == [
        "/other goes to nobody",
        "nobody is behind /stream",
    ]


def test_every_view_declares_the_conditional_headers_that_it_reads(documents: Documents) -> None:
    assert request_headers.misdeclared_headers(TREES) == []
    assert len(request_headers.views(TREES)) == len(routing.operations(documents))


VIEWS = """
from heidi_common.interceptors.conditional import etag, if_match
from heidi_services.x import presenting
@blp.route("/a", methods=["GET"])
def by_a_helper(): return _tagged()
def _tagged(): etag(row)
@blp.route("/b", methods=["GET"])
def by_another_module(): return presenting.cached(row)
@blp.route("/c", methods=["PATCH"])
@documents(IF_NONE_MATCH)
def declares_the_wrong_header():
    row = change(if_match())
    etag(row)
@blp.route("/d", methods=["DELETE"])
@documents(IF_MATCH)
def declares_what_it_reads(): remove(if_match())
@blp.route("/e", methods=["POST"])
def reads_none(): etag(create())
"""
PRESENTING = """
from flask import request
def cached(row): return request.if_none_match.contains_weak(row.tag)
"""


def test_a_view_with_an_undeclared_or_unread_header_is_noticed() -> None:
    conditional = "heidi_common/interceptors/conditional.py"
    files = {"heidi_services/x/routes.py": VIEWS, "heidi_services/x/presenting.py": PRESENTING}
    trees = {conditional: TREES[conditional]} | {path: ast.parse(text) for path, text in files.items()}
    assert request_headers.misdeclared_headers(trees) == [
        "heidi_services/x/routes.py:by_a_helper reads IF_NONE_MATCH undeclared",
        "heidi_services/x/routes.py:by_another_module reads IF_NONE_MATCH undeclared",
        "heidi_services/x/routes.py:declares_the_wrong_header reads IF_MATCH undeclared",
        "heidi_services/x/routes.py:declares_the_wrong_header declares IF_NONE_MATCH unread",
    ]


# facts, queues, actors

CALLS = messaging.calls(SUBSCRIPTIONS, PERIODIC_TASKS)


def test_every_fact_is_heard_or_marked_outward() -> None:
    assert messaging.unheard(all_event_types(), SUBSCRIPTIONS) == []


def test_a_fact_that_nobody_hears_is_noticed() -> None:
    class Whisper(Event):
        type = "whisper.made"

    ours = [Consume("*", "integration", "forward_fact"), Consume("user.*", "core", "follow")]
    assert messaging.unheard([Whisper], ours) == ["whisper.made"]
    assert messaging.unheard([Whisper], [*ours, Hint("whisper.*", "core", "listen")]) == []


def test_every_subscription_is_to_a_fact_that_exists() -> None:
    assert messaging.unspoken(all_event_types(), SUBSCRIPTIONS) == []
    assert messaging.unspoken(all_event_types(), [Hint("user.craeted", "core", "listen")]) == ["user.craeted"]


def test_whoever_asks_on_the_bus_is_answered() -> None:
    assert messaging.unanswered(all_event_types(), SUBSCRIPTIONS) == []
    assert "notification.send" in messaging.unanswered(
        all_event_types(), [Hint("notification.send", "notification", "make")]
    )


def test_every_message_has_an_actor() -> None:
    assert messaging.without_actor(CALLS, actors.load()) == []
    specs = {"deliver": actors.ActorSpec("notification", print)}
    assert messaging.without_actor(
        [messaging.Call("a", "bulk", "deliver"), messaging.Call("b", "core", "gone")], specs
    ) == ["b: gone"]


def test_every_queue_is_declared_and_used() -> None:
    assert messaging.undeclared(CALLS, actors.load(), QUEUES) == []


def test_a_queue_that_is_forgotten_is_noticed() -> None:
    specs = {"deliver": actors.ActorSpec("notification", print)}
    assert messaging.undeclared([messaging.Call("a", "bulk", "deliver")], specs, ["notification", "core"]) == [
        "bulk is not declared",
        "nobody uses core",
    ]


@pytest.mark.parametrize("file", ["heidi_standalone/platform.py", "docker-compose.yml"])
def test_the_workers_of_every_deployment_take_from_every_queue(file: str) -> None:
    commands = messaging.worker_commands((ROOT / file).read_text())
    assert commands
    assert messaging.unconsumed(commands, QUEUES) == []


def test_a_queue_that_no_worker_takes_from_is_noticed() -> None:
    compose = 'command: ["dramatiq", "workers.main:setup", "--queues", "core", "bulk", "--threads", "8"]'
    assert messaging.unconsumed(messaging.worker_commands(compose), ["core", "bulk", "webhooks"]) == ["webhooks"]
    assert (
        messaging.unconsumed(messaging.worker_commands(f"{compose}\ndramatiq workers.main:setup"), ["webhooks"]) == []
    )


def test_the_clock_s_messages_are_seen_by_these_rules() -> None:
    task = PeriodicTask("late", 1, WakeUp(operations.overdue, "core", "look_again"))
    assert messaging.calls([], [task]) == [messaging.Call("task late", "core", "look_again")]


# tables and migrations


def test_every_table_has_one_owner_and_no_key_crosses_two(platform: Flask) -> None:
    owners = table_ownership.owners()
    assert table_ownership.ownerless(db.metadata, owners) == []
    assert table_ownership.crossing_keys(db.metadata.tables.values(), owners) == []


def test_a_key_into_another_owner_s_table_is_noticed() -> None:
    ruin = MetaData()
    Table("schedules", ruin, Column("id", Integer, primary_key=True))
    Table("users", ruin, Column("id", Integer, primary_key=True))
    other = Table("notifications", ruin, Column("s", ForeignKey("schedules.id")), Column("u", ForeignKey("users.id")))
    owners = {"schedules": "scheduler", "users": table_ownership.IDENTITY, "notifications": "notification"}
    assert sorted(table_ownership.crossing_keys([other], owners)) == [
        "notifications.s -> schedules",
        "notifications.u -> users",
    ]
    assert table_ownership.crossing_keys([other], owners | {"notifications": "auth", "schedules": "auth"}) == []
    assert table_ownership.ownerless(ruin, {"users": table_ownership.IDENTITY}) == ["notifications", "schedules"]


def test_the_migrations_make_what_the_models_describe(app: Flask) -> None:
    assert migrations.differences(db.engine, db.metadata) == []


def test_a_model_without_a_migration_is_noticed(app: Flask) -> None:
    ruin = MetaData()
    for table in db.metadata.tables.values():
        table.to_metadata(ruin)
    Table("forgotten", ruin, Column("id", Integer, primary_key=True))
    assert [found[0] for found in migrations.differences(db.engine, ruin)] == ["add_table"]


def test_there_is_one_history_numbered_without_gaps() -> None:
    assert len(migrations.heads()) == 1
    assert migrations.gaps(path.name for path in (migrations.FOLDER / "versions").glob("*.py")) == []
    assert migrations.gaps(["0001_a.py", "0003_b.py"]) == ["0002 is 0003_b.py"]


def test_the_migrations_run_down_to_nothing_and_up_again(scratch: Flask) -> None:
    flask_migrate.upgrade(str(migrations.FOLDER))
    flask_migrate.downgrade(str(migrations.FOLDER), revision="base")
    left = db.session.scalars(text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"))
    assert set(left) == {"alembic_version", "alembic_version_pkc"}
    db.session.remove()
    flask_migrate.upgrade(str(migrations.FOLDER))
    assert migrations.differences(db.engine, db.metadata) == []


# the source


def test_commit_is_written_once() -> None:
    assert source.commits(TREES) == []
    assert source.commits({"heidi_services/x/service.py": ast.parse("def f():\n    db.session.commit()")}) == [
        "heidi_services/x/service.py:2"
    ]
    assert all(source.commits({"elsewhere.py": TREES[path]}) for path in source.COMMITS)


def test_the_environment_is_read_in_one_place() -> None:
    assert source.environment_reads(TREES) == []
    for line in ("import os; os.environ['X']", "import os; os.getenv('X')", "from os import environ"):
        assert source.environment_reads({"heidi_services/x/service.py": ast.parse(line)}) != []


def test_only_workers_know_dramatiq() -> None:
    assert source.dramatiq_imports(TREES) == []
    for line in ("import dramatiq", "from dramatiq.brokers import redis", "def f():\n    import dramatiq"):
        assert source.dramatiq_imports({"heidi_services/x/service.py": ast.parse(line)}) != []


def test_only_the_registries_import_by_name() -> None:
    """What is named by a string is seen neither by mypy nor by the contracts of the layers nor by a rename."""
    assert source.dynamic_imports(TREES) == []
    for line in (
        "from importlib import import_module",
        "import importlib\nimportlib.import_module('heidi_services')",
        "def f():\n    __import__('workers')",
        "import pkgutil; pkgutil.resolve_name('heidi_standalone.cli:up')",
    ):
        assert source.dynamic_imports({"heidi_common/x/y.py": ast.parse(line)}) != []
    for path in source.IMPORTS_BY_NAME:
        assert source.dynamic_imports({path.replace(".py", "x.py"): TREES[path]}) != []


def test_the_processes_name_functions_by_reference() -> None:
    """A "module:function" string is seen neither by mypy nor by a rename."""
    assert source.dynamic_imports(TREES) == []
    for line in ("from importlib import import_module", "import importlib", "__import__('x')", "import pkgutil"):
        assert source.dynamic_imports({"workers/clock.py": ast.parse(line)}) != []
    assert source.dynamic_imports({"workers/x.py": ast.parse("due('heidi_services.city.service:overdue')")}) != []
    assert source.dynamic_imports({"workers/x.py": ast.parse("from heidi_services.city import service")}) == []


def test_every_service_has_the_same_rooms() -> None:
    assert source.unknown_rooms(TREES, source.SPECIALITIES) == []
    ruin = ["heidi_services/city/utils.py", "heidi_services/city/geo.py", "heidi_services/city/models.py"]
    assert source.unknown_rooms(ruin, {"city": frozenset({"geo"})}) == ["heidi_services/city/utils"]


def lint_imports(config: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--config", str(config), "--no-cache"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_nobody_imports_upwards_or_sideways() -> None:
    found = lint_imports(ROOT / "pyproject.toml")
    assert found.returncode == 0, found.stdout


def test_an_import_upwards_is_noticed(tmp_path: Path) -> None:
    reversed_house = "[importlinter]\nroot_packages =\n    heidi_common\n    heidi_services\n    workers\n" + (
        "[importlinter:contract:layers]\nname = upside down\ntype = layers\nlayers =\n    heidi_common\n    workers\n"
    )
    config = tmp_path / "ruin.ini"
    config.write_text(reversed_house)
    assert lint_imports(config).returncode != 0
