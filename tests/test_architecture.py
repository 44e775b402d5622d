"""The rules of the codebase, checked on the codebase, each with an example on which it must fail."""

from __future__ import annotations

import ast
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, Text, text

from heidi_common.database.session import db
from heidi_common.jwt.guards import public
from heidi_common.messaging.events import Event, all_event_types
from heidi_services import SERVICES
from heidi_services.core.service import operations
from tests.architecture import (
    messaging,
    migrations,
    naming,
    personal_data,
    request_headers,
    routing,
    shared_headers,
    source,
    table_ownership,
)
from workers import actors
from workers.broker import QUEUES
from workers.periodic_tasks import PERIODIC_TASKS, PeriodicTask, WakeUp
from workers.subscriptions import SUBSCRIPTIONS, Consume, Hint

ROOT = Path(__file__).parent.parent
TREES = source.sources()
PRODUCT = TREES | {"gunicorn.conf.py": ast.parse((ROOT / "gunicorn.conf.py").read_text())}

Documents = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def documents(platform: Flask) -> Documents:
    """Service -> its OpenAPI document, as a client receives it."""
    client = platform.test_client()
    return {name: client.get(f"/docs/{name}/openapi.json").get_json() for name in SERVICES}


# routes and documents


def test_every_route_declares_who_may_call_it(platform: Flask) -> None:
    assert routing.unmarked(platform) == []


def test_a_route_without_a_guard_is_reported() -> None:
    app = Flask("example", static_folder=None)
    app.add_url_rule("/open", view_func=public(lambda: "seen"), endpoint="open")
    app.add_url_rule("/unguarded", view_func=lambda: "seen", endpoint="unguarded")
    assert routing.unmarked(app) == ["/unguarded"]


def test_every_route_of_the_api_is_documented(platform: Flask, documents: Documents) -> None:
    assert routing.undocumented(platform, documents) == []


def test_an_undocumented_route_is_reported(platform: Flask, documents: Documents) -> None:
    incomplete = {"city": {"paths": {"/api/v1/cities/{city_id}": {"get": {}}}}}
    assert "GET /api/v1/cities" in routing.undocumented(platform, incomplete)
    assert "GET /api/v1/cities/<uuid:city_id>" not in routing.undocumented(platform, incomplete)


def test_every_document_is_valid_openapi_3_1(documents: Documents) -> None:
    assert [error for document in documents.values() for error in routing.invalid(document)] == []


def test_an_invalid_document_is_reported(documents: Documents) -> None:
    assert routing.invalid({**documents["city"], "openapi": "3.0.3"})
    assert routing.invalid({**documents["city"], "info": {"title": "no version"}})


def test_every_endpoint_documents_the_roles_that_may_call_it(documents: Documents) -> None:
    assert routing.without_roles(routing.endpoints(documents)) == []


def test_every_event_stream_is_limited_for_each_caller(platform: Flask, documents: Documents) -> None:
    streams = [str(endpoint) for endpoint in routing.endpoints(documents) if routing.is_stream(endpoint)]
    limited = [name for name, view in platform.view_functions.items() if getattr(view, "limits_streams", False)]
    assert len(streams) >= 2
    assert len(limited) == len(streams), streams


def test_every_endpoint_has_a_summary(documents: Documents) -> None:
    assert routing.without_summary(routing.endpoints(documents)) == []
    undocumented = routing.Endpoint("users", "get", "/api/v1/users", {"summary": " "})
    assert routing.without_summary([undocumented, replace(undocumented, doc={})]) == ["GET /api/v1/users"] * 2


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
def test_an_endpoint_without_its_roles_is_reported(doc: dict[str, Any]) -> None:
    assert routing.without_roles([routing.Endpoint("users", "get", "/api/v1/users", doc)]) == ["GET /api/v1/users"]


def public_paths(documents: Documents) -> dict[str, str]:
    """Path -> the service that serves it, including the Swagger UI of each service."""
    paths = {endpoint.url: endpoint.service for endpoint in routing.endpoints(documents)}
    return paths | {f"/docs/{name}/": name for name in documents} | {"/docs/": "core"}


def test_the_router_sends_every_path_to_its_service(documents: Documents) -> None:
    template = (ROOT / "nginx" / "nginx.conf.template").read_text()
    assert routing.misrouted(public_paths(documents), routing.locations(template)) == []


def test_a_missing_or_unused_location_of_the_router_is_reported() -> None:
    template = "location = /stream { proxy_pass http://core; } location ~ ^/api/users(/|$) { proxy_pass http://users; }"
    locations = routing.locations(template)
    assert routing.misrouted({"/api/users/1": "users", "/stream": "core"}, locations) == []
    assert routing.misrouted({"/api/users": "auth", "/stream": "core"}, locations) == ["/api/users is sent to users"]
    assert routing.misrouted({"/api/users": "users", "/other": "core"}, locations) == [
        "/other is sent to no service",
        "/stream is not used",
    ]


def test_every_view_declares_the_conditional_headers_that_it_reads(documents: Documents) -> None:
    assert request_headers.misdeclared_headers(TREES) == []
    services = {path: tree for path, tree in TREES.items() if not path.startswith("heidi_realtime/")}
    assert len(request_headers.views(services)) == len(routing.endpoints(documents))


def test_every_single_resource_has_an_etag_and_every_post_an_idempotency_key_or_a_reason(documents: Documents) -> None:
    operations = routing.endpoints(documents)
    assert shared_headers.without_idempotency_key(operations, shared_headers.WITHOUT_IDEMPOTENCY_KEY) == []
    assert shared_headers.without_etag(documents, shared_headers.WITHOUT_ETAG) == []
    assert list(shared_headers.without_if_match(operations)) == []


def test_an_operation_without_a_header_and_without_a_reason_is_reported(documents: Documents) -> None:
    operations = routing.endpoints(documents)
    missing = shared_headers.without_idempotency_key(operations, {"/api/v1/cities": "none"})
    assert "/api/v1/auth/login" in missing and "/api/v1/cities: the reason is not needed" in missing
    assert "/api/v1/core/status" in shared_headers.without_etag(documents, {})
    assert "/api/v1/cities" not in shared_headers.without_etag(documents, {})
    bare = [replace(each, doc=each.doc | ({"parameters": []} if each.method == "patch" else {})) for each in operations]
    assert "PATCH /api/v1/users/me" in list(shared_headers.without_if_match(bare))


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


def test_a_view_with_an_undeclared_or_unread_header_is_reported() -> None:
    conditional = "heidi_common/interceptors/conditional.py"
    files = {"heidi_services/x/routes.py": VIEWS, "heidi_services/x/presenting.py": PRESENTING}
    trees = {conditional: TREES[conditional]} | {path: ast.parse(text) for path, text in files.items()}
    assert request_headers.misdeclared_headers(trees) == [
        "heidi_services/x/routes.py:by_a_helper reads IF_NONE_MATCH undeclared",
        "heidi_services/x/routes.py:by_another_module reads IF_NONE_MATCH undeclared",
        "heidi_services/x/routes.py:declares_the_wrong_header reads IF_MATCH undeclared",
        "heidi_services/x/routes.py:declares_the_wrong_header declares IF_NONE_MATCH unread",
    ]


# events, queues, actors

MESSAGES = messaging.wake_up_messages(SUBSCRIPTIONS, PERIODIC_TASKS)


def test_every_event_has_a_subscriber_or_is_marked_external() -> None:
    assert messaging.without_subscriber(all_event_types(), SUBSCRIPTIONS) == []


def test_an_event_without_a_subscriber_is_reported() -> None:
    class ExampleCreated(Event):
        type = "example.created"

    others = [Consume("*", "integration", "forward_fact"), Consume("user.*", "core", "follow")]
    assert messaging.without_subscriber([ExampleCreated], others) == ["example.created"]
    assert messaging.without_subscriber([ExampleCreated], [*others, Hint("example.*", "core", "listen")]) == []


def test_every_subscription_is_to_an_existing_event() -> None:
    assert messaging.without_event(all_event_types(), SUBSCRIPTIONS) == []
    assert messaging.without_event(all_event_types(), [Hint("user.craeted", "core", "listen")]) == ["user.craeted"]


def test_every_request_by_event_has_a_consumer_that_replies() -> None:
    assert messaging.without_reply(all_event_types(), SUBSCRIPTIONS) == []
    assert "notification.send" in messaging.without_reply(
        all_event_types(), [Hint("notification.send", "notification", "make")]
    )


def test_every_message_has_an_actor() -> None:
    assert messaging.without_actor(MESSAGES, actors.load()) == []
    specs = {"deliver": actors.ActorSpec("notification", print)}
    assert messaging.without_actor(
        [messaging.WakeUpMessage("a", "bulk", "deliver"), messaging.WakeUpMessage("b", "core", "missing")], specs
    ) == ["b: missing"]


def test_every_queue_is_declared_and_used() -> None:
    assert messaging.undeclared(MESSAGES, actors.load(), QUEUES) == []


def test_an_undeclared_or_unused_queue_is_reported() -> None:
    specs = {"deliver": actors.ActorSpec("notification", print)}
    assert messaging.undeclared([messaging.WakeUpMessage("a", "bulk", "deliver")], specs, ["notification", "core"]) == [
        "bulk is not declared",
        "core is not used",
    ]


@pytest.mark.parametrize("file", ["heidi_standalone/platform.py", "docker-compose.yml"])
def test_the_workers_of_every_deployment_consume_every_queue(file: str) -> None:
    commands = messaging.worker_commands((ROOT / file).read_text())
    assert commands
    assert messaging.unconsumed(commands, QUEUES) == []


def test_a_queue_that_no_worker_consumes_is_reported() -> None:
    compose = 'command: ["python", "-m", "workers.main", "--queues", "core", "bulk", "--threads", "8"]'
    assert messaging.unconsumed(messaging.worker_commands(compose), ["core", "bulk", "webhooks"]) == ["webhooks"]
    assert messaging.unconsumed(messaging.worker_commands(f"{compose}\npython -m workers.main"), ["webhooks"]) == []


def test_these_rules_cover_the_messages_of_the_clock() -> None:
    task = PeriodicTask("late", 1, WakeUp(operations.overdue, "core", "look_again"))
    assert messaging.wake_up_messages([], [task]) == [messaging.WakeUpMessage("task late", "core", "look_again")]


# tables and migrations


def test_every_table_has_one_owner_and_no_foreign_key_connects_two(platform: Flask) -> None:
    owners = table_ownership.owners()
    assert table_ownership.ownerless(db.metadata, owners) == []
    assert table_ownership.crossing_keys(db.metadata.tables.values(), owners) == []


def test_a_foreign_key_to_another_owner_s_table_is_reported() -> None:
    tables = MetaData()
    Table("schedules", tables, Column("id", Integer, primary_key=True))
    Table("users", tables, Column("id", Integer, primary_key=True))
    other = Table("notifications", tables, Column("s", ForeignKey("schedules.id")), Column("u", ForeignKey("users.id")))
    owners = {"schedules": "scheduler", "users": table_ownership.IDENTITY, "notifications": "notification"}
    assert sorted(table_ownership.crossing_keys([other], owners)) == [
        "notifications.s -> schedules",
        "notifications.u -> users",
    ]
    assert table_ownership.crossing_keys([other], owners | {"notifications": "auth", "schedules": "auth"}) == []
    assert table_ownership.ownerless(tables, {"users": table_ownership.IDENTITY}) == ["notifications", "schedules"]


def test_every_column_that_can_hold_personal_data_is_erased_and_exported_or_says_why_not(platform: Flask) -> None:
    assert personal_data.undeclared(db.metadata) == []
    assert personal_data.unfulfilled(personal_data.PERSONAL) == []


def test_a_column_without_an_entry_is_reported() -> None:
    tables = MetaData()
    Table("visits", tables, Column("id", Integer, primary_key=True), Column("address", Text))
    assert "visits.address: say where it is erased and exported" in personal_data.undeclared(tables)
    assert "users.email: no such column" in personal_data.undeclared(tables)
    entries = {
        "a.b": personal_data.Handling("heidi_services.users.service.erasure.missing", "runs"),
        "schedule_runs.result": personal_data.Handling("heidi_services.users.service.erasure.erase_user", "nowhere"),
    }
    assert personal_data.unfulfilled(entries) == [
        "a.b: heidi_services.users.service.erasure.missing does not exist",
        "a.b: the part runs does not contain it",
        "schedule_runs.result: there is no part nowhere",
    ]


def test_the_migrations_create_what_the_models_describe(app: Flask) -> None:
    assert migrations.differences(db.engine, db.metadata) == []


def test_a_model_without_a_migration_is_reported(app: Flask) -> None:
    example = MetaData()
    for table in db.metadata.tables.values():
        table.to_metadata(example)
    Table("unmigrated", example, Column("id", Integer, primary_key=True))
    assert [difference[0] for difference in migrations.differences(db.engine, example)] == ["add_table"]


def test_the_migrations_have_one_head_and_no_gaps() -> None:
    assert len(migrations.heads()) == 1
    assert migrations.gaps(path.name for path in (migrations.FOLDER / "versions").glob("*.py")) == []
    assert migrations.gaps(["0001_a.py", "0003_b.py"]) == ["0002 is 0003_b.py"]


def test_the_migrations_can_be_reverted_and_applied_again(scratch: Flask) -> None:
    flask_migrate.upgrade(str(migrations.FOLDER))
    flask_migrate.downgrade(str(migrations.FOLDER), revision="base")
    tables = db.session.scalars(text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"))
    assert set(tables) == {"alembic_version", "alembic_version_pkc"}
    db.session.remove()
    flask_migrate.upgrade(str(migrations.FOLDER))
    assert migrations.differences(db.engine, db.metadata) == []


def test_instances_that_start_together_migrate_one_after_the_other(scratch: Flask) -> None:
    """CREATE INDEX CONCURRENTLY waits for every open snapshot: one of a waiting instance would be a deadlock."""
    errors: list[BaseException] = []

    def upgrade() -> None:
        try:
            with scratch.app_context():
                flask_migrate.upgrade(str(migrations.FOLDER))
        except BaseException as error:
            errors.append(error)

    lock = "SELECT pg_advisory_lock(0x48656964690001)"
    with db.engine.connect() as holder:
        holder.execute(text(lock))
        holder.commit()
        waiting = threading.Thread(target=upgrade)
        waiting.start()
        holder.execute(text("CREATE TABLE example (id int)"))
        holder.commit()
        autocommit = holder.execution_options(isolation_level="AUTOCOMMIT")
        autocommit.execute(text("CREATE INDEX CONCURRENTLY example_id ON example (id)"))
        autocommit.execute(text("DROP TABLE example"))
        autocommit.execute(text("SELECT pg_advisory_unlock_all()"))
        waiting.join()
    assert errors == []
    assert migrations.differences(db.engine, db.metadata) == []


# the source


def test_only_the_module_for_transactions_commits() -> None:
    assert source.commits(TREES) == []
    assert source.commits({"heidi_services/x/service.py": ast.parse("def f():\n    db.session.commit()")}) == [
        "heidi_services/x/service.py:2"
    ]
    assert all(source.commits({"elsewhere.py": TREES[path]}) for path in source.COMMITS)


def test_the_environment_is_read_in_one_place() -> None:
    assert source.environment_reads(TREES) == []
    for line in ("import os; os.environ['X']", "import os; os.getenv('X')", "from os import environ"):
        assert source.environment_reads({"heidi_services/x/service.py": ast.parse(line)}) != []


def test_only_workers_import_dramatiq() -> None:
    assert source.dramatiq_imports(TREES) == []
    for line in ("import dramatiq", "from dramatiq.brokers import redis", "def f():\n    import dramatiq"):
        assert source.dramatiq_imports({"heidi_services/x/service.py": ast.parse(line)}) != []


def test_only_the_registries_import_by_name() -> None:
    """Mypy, the layers contracts and refactoring tools cannot see a module that is named by a string."""
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


def test_workers_reference_functions_and_do_not_name_them_by_strings() -> None:
    """Mypy and refactoring tools cannot see a "module:function" string."""
    assert source.dynamic_imports(TREES) == []
    for line in ("from importlib import import_module", "import importlib", "__import__('x')", "import pkgutil"):
        assert source.dynamic_imports({"workers/clock.py": ast.parse(line)}) != []
    assert source.dynamic_imports({"workers/x.py": ast.parse("due('heidi_services.city.service:overdue')")}) != []
    assert source.dynamic_imports({"workers/x.py": ast.parse("from heidi_services.city import service")}) == []


def test_every_service_has_the_common_modules_and_its_listed_domain_modules() -> None:
    assert source.unknown_modules(TREES, source.DOMAIN_MODULES) == []
    paths = ["heidi_services/city/utils.py", "heidi_services/city/geo.py", "heidi_services/city/models.py"]
    assert source.unknown_modules(paths, {"city": frozenset({"geo"})}) == ["heidi_services/city/utils"]


# names

NAMED = PRODUCT
BINDINGS = {
    "function": "def found(): ...",
    "coroutine": "async def found(): ...",
    "class": "class one: ...",
    "method": "class A:\n    def told(self): ...",
    "field": "class A:\n    told: int",
    "parameter": "def f(said): ...",
    "positional parameter": "def f(said, /): ...",
    "keyword parameter": "def f(*, said): ...",
    "variable parameters": "def f(*said): ...",
    "keyword parameters": "def f(**said): ...",
    "parameter of a lambda": "lambda one: 1",
    "attribute": "self.made = 1",
    "annotated attribute": "self.made: int = 1",
    "attribute in a loop": "for self.made in x: ...",
    "import": "import found",
    "import of a package": "import found.x",
    "alias of a module": "import x as found",
    "imported name": "from x import found",
    "alias of a name": "from x import y as found",
    "local": "def f():\n    mine = 1",
    "annotated variable": "mine: int = 1",
    "augmented variable": "mine += 1",
    "unpacked variable": "a, (mine, *b) = x",
    "starred variable": "a, *mine = x",
    "assignment expression": "f(mine := 1)",
    "loop variable": "for one in x: ...",
    "variable of a comprehension": "[1 for one in x]",
    "context manager": "with x as told: ...",
    "exception": "try: ...\nexcept E as told: ...",
    "capture": "match x:\n    case [said]: ...",
    "starred capture": "match x:\n    case [*said]: ...",
    "rest of a mapping": "match x:\n    case {**said}: ...",
    "global": "def f():\n    global made\n    made = 1",
}


def test_no_name_is_one_of_the_rejected_words() -> None:
    assert naming.rejected_names(NAMED) == []


@pytest.mark.parametrize("code", BINDINGS.values(), ids=BINDINGS)
def test_each_binding_of_a_rejected_word_is_reported(code: str) -> None:
    assert len(naming.rejected_names({"x.py": ast.parse(code)})) == 1


def test_a_rejected_word_that_is_not_bound_is_not_reported() -> None:
    code = "x.found(one=1)\nfounder = 'found'\nfrom found import x\nimport x.found\nimport found as x\nx['made'] = 1"
    assert naming.rejected_names({"x.py": ast.parse(code)}) == []


def test_a_class_name_means_one_thing() -> None:
    assert naming.ambiguous_classes(NAMED) == []


def test_two_classes_with_one_name_are_reported() -> None:
    example = {"a/x.py": "class A: ...", "b/x.py": "class A: ...", "c/__init__.py": "class B: ..."}
    trees = {path: ast.parse(code) for path, code in example.items()}
    assert naming.ambiguous_classes(trees) == ["A: a/x.py, b/x.py"]


@pytest.mark.parametrize("line", ["from a.x import A as Base", "from a import x", "import a.x"])
def test_a_class_may_have_the_name_of_one_in_a_module_that_it_imports(line: str) -> None:
    example = {"a/x.py": "class A: ...", "b/x.py": f"{line}\nclass A: ...", "c.py": "def f():\n    class A: ..."}
    assert naming.ambiguous_classes({path: ast.parse(code) for path, code in example.items()}) == []


# imports


def lint_imports(config: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--config", str(config), "--no-cache"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_no_module_imports_from_an_upper_layer_or_another_service() -> None:
    result = lint_imports(ROOT / "pyproject.toml")
    assert result.returncode == 0, result.stdout


def test_an_import_from_an_upper_layer_is_reported(tmp_path: Path) -> None:
    reversed_layers = "[importlinter]\nroot_packages =\n    heidi_common\n    heidi_services\n    workers\n" + (
        "[importlinter:contract:layers]\nname = upside down\ntype = layers\nlayers =\n    heidi_common\n    workers\n"
    )
    config = tmp_path / "example.ini"
    config.write_text(reversed_layers)
    assert lint_imports(config).returncode != 0
