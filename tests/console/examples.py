"""Every page of the console with an example of what it shows. The tests of all pages and the screenshots use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.runtime import current_settings
from heidi_services.city.service import cities
from heidi_services.notification.enums import Channel
from heidi_services.notification.service.recipients import suppressions
from heidi_services.scheduler.models import ScheduleRun
from tests.integration.helpers import create_integration, forward, user_updated
from workers.users import export_personal_data, import_users

Prepare = Callable[[Any, Any], str]
"""Creates what the page shows, as the administrator and with the fixture `post`; returns the path of the page."""


@dataclass(frozen=True)
class Example:
    """A page.

    Args:
        name: The name of the endpoint.
        prepare: Creates the example.
        signed_in: Whether the page is for signed-in users.
    """

    name: str
    prepare: Prepare
    signed_in: bool = True


def at(path: str) -> Prepare:
    """A page that needs no preparation."""
    return lambda _admin, _post: path


def message(admin: Any, post: Any) -> str:
    """A message with markup in its text."""
    return f"/console/messages/{post(admin, subject='<script>alert(1)</script>', content='Hello <b>you</b>')}"


def message_list(admin: Any, post: Any) -> str:
    """A list with one message."""
    message(admin, post)
    return "/console/messages/"


def person(admin: Any, _post: Any) -> str:
    """The administrator's own account."""
    return f"/console/people/{admin.user.id}"


def person_edit(admin: Any, post: Any) -> str:
    """The form of an account."""
    return f"{person(admin, post)}/edit"


def stored_mail(_admin: Any, _post: Any) -> str:
    """An e-mail in the sink, with markup."""
    folder = Path(current_settings().mail_sink_folder) / "new"
    folder.mkdir(parents=True, exist_ok=True)
    content = b"Subject: Hello\r\nTo: ann@example.org\r\nContent-Type: text/html\r\n\r\n<p>Hello <b>Ann</b></p>"
    (folder / "1769860800000000000.1_0.heidi").write_bytes(content)
    return "/console/mail/1769860800000000000.1_0.heidi"


def file_list(admin: Any, _post: Any) -> str:
    """A list with one file."""
    stored_file(admin, _post)
    return "/console/files/"


def stored_file(admin: Any, _post: Any) -> str:
    """A file with markup in its name and a link."""
    api = current_app.test_client()
    name = {"name": "<b>Bericht</b>.txt"}
    file = api.post("/api/v1/files", data=b"Hello", query_string=name, headers=admin.headers).json["data"]
    api.post(f"/api/v1/files/{file['id']}/links", json={"downloads": 3}, headers=admin.headers)
    return f"/console/files/{file['id']}"


def place(_admin: Any, _post: Any) -> str:
    """A city with markup in its name, and another one near it."""
    cities.create(name="Uster", country="CH", latitude=47.3471, longitude=8.7209, population=35_000)
    city = cities.create(name="<b>Zürich</b>", country="CH", latitude=47.3667, longitude=8.55, population=434_335)
    return f"/console/places/{city.id}"


def place_edit(admin: Any, post: Any) -> str:
    """The form of a city."""
    return f"{place(admin, post)}/edit"


def place_list(admin: Any, post: Any) -> str:
    """The map with two cities."""
    place(admin, post)
    return "/console/places/"


def suppression_list(admin: Any, _post: Any) -> str:
    """A suppressed address."""
    suppressions.add_suppression(Channel.EMAIL, "bounced@example.test", reason="bounce", actor=admin.user.id)
    return "/console/suppressions/"


def user_import(admin: Any, _post: Any) -> str:
    """An import with a line of each result."""
    rows = "email,firstName\nada@example.test,Ada\n<b>not an address</b>,Bob\nada@example.test,Ada\n"
    client, headers = current_app.test_client(), admin.headers | {"Content-Type": "text/csv"}
    import_id = client.post("/api/v1/users/imports", data=rows, headers=headers).json["data"]["id"]
    import_users(import_id)
    return f"/console/people/imports/{import_id}"


def user_import_list(admin: Any, post: Any) -> str:
    """A list with one import."""
    return user_import(admin, post).rpartition("/")[0] + "/"


def user_export(admin: Any, _post: Any) -> str:
    """An export that waits for a worker."""
    export = current_app.test_client().post("/api/v1/users/exports", json={}, headers=admin.headers).json["data"]
    return f"/console/people/exports/{export['id']}"


def user_export_list(admin: Any, post: Any) -> str:
    """A list with one export."""
    user_export(admin, post)
    return "/console/people/exports/"


def own_export(admin: Any, _post: Any) -> str:
    """A complete export of personal data."""
    export = current_app.test_client().post("/api/v1/users/me/exports", headers=admin.headers).json["data"]
    export_personal_data(export["id"])
    return f"/console/account/exports/{export['id']}"


def place_import(admin: Any, _post: Any) -> str:
    """An import of places that has not begun."""
    body = [{"name": "Uster", "country": "CH", "latitude": 47.3, "longitude": 8.7}]
    created = current_app.test_client().post("/api/v1/cities/imports", json=body, headers=admin.headers)
    return f"/console/places/imports/{created.json['data']['id']}"


def place_import_list(admin: Any, post: Any) -> str:
    """A list with one import."""
    return place_import(admin, post).rpartition("/")[0] + "/"


def batch(admin: Any, _post: Any) -> str:
    """A batch that has not been sent."""
    body = {"userIds": [str(admin.user.id)], "channel": "IN_APP", "content": "Maintenance tonight"}
    accepted = current_app.test_client().post("/api/v1/notifications/bulk", json=body, headers=admin.headers)
    return f"/console/messages/batches/{accepted.json['data']['batchId']}"


def html_message(admin: Any, post: Any) -> str:
    """A message with HTML and a script."""
    html = "<h1>Your order</h1><p style='color:green'>It has arrived.</p><script>top.document.title = 'stolen'</script>"
    return f"/console/messages/{post(admin, subject='Your order', content='It has arrived.', html=html)}"


def operation(admin: Any, _post: Any) -> str:
    """An operation that has not begun."""
    body = {"type": "onboard-user", "input": {"email": "new@example.test", "firstName": "<b>Ada</b>"}}
    created = current_app.test_client().post("/api/v1/core/operations", json=body, headers=admin.headers)
    return f"/console/operations/{created.json['data']['id']}"


def template(admin: Any, _post: Any) -> str:
    """A template with markup in its HTML."""
    body = {
        "name": "welcome",
        "channel": "EMAIL",
        "subject": "Hi",
        "body": "Hello",
        "html": "<p style='color:red'>Hi</p>",
    }
    client = current_app.test_client()
    row = client.post("/api/v1/notifications/templates", json=body, headers=admin.headers).json["data"]
    return f"/console/templates/{row['id']}"


def template_edit(admin: Any, post: Any) -> str:
    """The editor of a template."""
    return f"{template(admin, post)}/edit"


def webhook(admin: Any, _post: Any) -> str:
    """An endpoint."""
    row = create_integration(current_app.test_client(), admin.headers, webhookUrl="https://hook.example")
    return f"/console/webhooks/{row['id']}"


def webhook_edit(admin: Any, post: Any) -> str:
    """The form of an endpoint."""
    return f"{webhook(admin, post)}/edit"


def delivery(admin: Any, _post: Any) -> str:
    """A delivery that has not been attempted."""
    config = {"eventTypes": ["user.*"]}
    client = current_app.test_client()
    row = create_integration(client, admin.headers, webhookUrl="https://hook.example", config=config)
    [delivery_id] = forward(user_updated(admin.user.id))
    return f"/console/webhooks/{row['id']}/deliveries/{delivery_id}"


def webhook_auth(admin: Any, post: Any) -> str:
    """The form of the authentication at an endpoint."""
    return f"{webhook(admin, post)}/authentication"


def schedule(admin: Any, _post: Any) -> str:
    """A schedule with a run."""
    body = {
        "name": "<i>Nightly</i> report",
        "cronExpression": "0 3 * * *",
        "action": "event.emit",
        "payload": {"type": "custom.report"},
    }
    client = current_app.test_client()
    schedule_id = client.post("/api/v1/schedules", json=body, headers=admin.headers).json["data"]["id"]
    client.post(f"/api/v1/schedules/{schedule_id}/run", headers=admin.headers)
    return f"/console/schedules/{schedule_id}"


def week(admin: Any, post: Any) -> str:
    """The calendar with a schedule that runs daily."""
    schedule(admin, post)
    return "/console/schedules/week"


def run_list(admin: Any, post: Any) -> str:
    """The runs of all schedules."""
    schedule(admin, post)
    return "/console/schedules/runs"


def run(admin: Any, post: Any) -> str:
    """A run that has not begun."""
    path = schedule(admin, post)
    return f"{path}/runs/{db.session.scalars(select(ScheduleRun.id)).one()}"


def monitor(admin: Any, _post: Any) -> str:
    """A monitor with pings, and markup in its name."""
    client = current_app.test_client()
    body = {"name": "<b>Backup</b>", "every": "P1D", "graceSeconds": 5400, "description": "Nightly, to the vault"}
    created = client.post("/api/v1/schedules/monitors", json=body, headers=admin.headers).json["data"]
    path = urlsplit(created["pingUrl"]).path
    for outcome in ("/start", "", "/log", "/1"):
        client.post(path + outcome, data=b"<script>alert(1)</script> copied 12 files")
    return f"/console/schedules/monitors/{created['id']}"


def monitor_list(admin: Any, post: Any) -> str:
    """A list with one monitor."""
    monitor(admin, post)
    return "/console/schedules/monitors/"


def monitor_edit(admin: Any, post: Any) -> str:
    """The form of a monitor."""
    return f"{monitor(admin, post)}/edit"


def ping(admin: Any, post: Any) -> str:
    """A ping with a body."""
    path = monitor(admin, post)
    pings = f"/api/v1/schedules/monitors/{path.rpartition('/')[2]}/pings"
    newest = current_app.test_client().get(pings, headers=admin.headers).json["data"][0]
    return f"{path}/pings/{newest['id']}"


def schedule_edit(admin: Any, post: Any) -> str:
    """The form of a schedule."""
    return f"{schedule(admin, post)}/edit"


def replay(admin: Any, _post: Any) -> str:
    """A replay that has not begun."""
    body = {"subscriber": "renew_overview", "types": ["user.*"], "from": "2026-01-01T00:00:00Z"}
    client = current_app.test_client()
    created = client.post("/api/v1/core/events/replays", json=body, headers=admin.headers).json["data"]
    return f"/console/events/replays/{created['id']}"


def replay_list(admin: Any, post: Any) -> str:
    """A list with one replay."""
    replay(admin, post)
    return "/console/events/replays"


PAGES = [
    Example("sign_in.form", at("/console/sign-in"), signed_in=False),
    Example("home.list", at("/console/")),
    Example("inbox.list", at("/console/inbox")),
    Example("messages.list", message_list),
    Example("messages.show", message),
    Example("messages.show (HTML)", html_message),
    Example("messages.show_batch", batch),
    Example("messages.form_new", at("/console/messages/new")),
    Example("search.list", at("/console/search/?q=mess")),
    Example("suppressions.list", suppression_list),
    Example("suppressions.form_new", at("/console/suppressions/new")),
    Example("mail.list", at("/console/mail/")),
    Example("mail.show", stored_mail),
    Example("files.list", file_list),
    Example("files.show", stored_file),
    Example("files.form_link", lambda admin, post: f"{stored_file(admin, post)}/links/new"),
    Example("people.list", at("/console/people/")),
    Example("people.show", person),
    Example("people.form_new", at("/console/people/new")),
    Example("people.form_edit", person_edit),
    Example("user_imports.list", user_import_list),
    Example("user_exports.list", user_export_list),
    Example("user_exports.show", user_export),
    Example("own_exports.list", at("/console/account/exports/")),
    Example("own_exports.show", own_export),
    Example("user_imports.show", user_import),
    Example("user_imports.form_new", at("/console/people/imports/new")),
    Example("place_imports.list", place_import_list),
    Example("place_imports.show", place_import),
    Example("place_imports.form_new", at("/console/places/imports/new")),
    Example("places.list", place_list),
    Example("places.show", place),
    Example("places.form_new", at("/console/places/new")),
    Example("places.form_edit", place_edit),
    Example("schedules.list", at("/console/schedules/")),
    Example("schedules.form_new (action)", at("/console/schedules/new")),
    Example("schedules.form_new", at("/console/schedules/new?action=notification.send")),
    Example("schedules.list_week", week),
    Example("schedules.show", schedule),
    Example("schedules.form_edit", schedule_edit),
    Example("monitors.list", monitor_list),
    Example("monitors.show", monitor),
    Example("monitors.show_ping", ping),
    Example("monitors.form_new", at("/console/schedules/monitors/new")),
    Example("monitors.form_edit", monitor_edit),
    Example("runs.list", run_list),
    Example("runs.show", run),
    Example("webhooks.list", at("/console/webhooks/")),
    Example("webhooks.show", webhook),
    Example("webhooks.show_delivery", delivery),
    Example("webhooks.form_edit", webhook_edit),
    Example("webhooks.form_auth", webhook_auth),
    Example("webhooks.form_new", at("/console/webhooks/new")),
    Example("webhooks.list_deliveries", at("/console/webhooks/deliveries")),
    Example("webhooks.list_events", at("/console/webhooks/events")),
    Example("events.list", at("/console/events/")),
    Example("events.list_dead", at("/console/events/dead")),
    Example("events.list_replays", replay_list),
    Example("events.show_replay", replay),
    Example("events.form_replay", at("/console/events/replays/new")),
    Example("operations.list", at("/console/operations/")),
    Example("operations.show", operation),
    Example("operations.form_type", at("/console/operations/new")),
    Example("operations.form_new", at("/console/operations/new/onboard-user")),
    Example("audit.list", at("/console/audit/")),
    Example("audit.show_integrity", at("/console/audit/integrity")),
    Example("clients.list", at("/console/clients/")),
    Example("templates.list", at("/console/templates/")),
    Example("templates.show", template),
    Example("templates.form_edit", template_edit),
    Example("templates.form_new", at("/console/templates/new")),
    Example("account.list", at("/console/account/")),
    Example("account.form_profile", at("/console/account/profile")),
    Example("account.form_email", at("/console/account/email")),
    Example("account.form_password", at("/console/account/password")),
    Example("account.form_preferences", at("/console/account/preferences")),
    Example("clients.form_new", at("/console/clients/new")),
]

WITHOUT_EXAMPLE = {
    "sign_in.form_code": "needs the password first: `test_sessions.py`",
    "account.form_second_factor": "needs an enrollment: `test_journeys.py`",
    "account.show_own_avatar": "an image",
    "audit.list_export": "a file",
    "files.show_content": "a file",
    "files.show_preview": "an image",
    "html_frames.show": "HTML of others",
    "inbox.show_component": "a script",
    "inbox.show_messages": "JSON",
    "inbox.show_unread": "JSON",
    "people.list_suggestions": "JSON",
    "people.show_picture": "an image",
    "places.show_points": "numbers",
}
"""Views without an example, and why."""
