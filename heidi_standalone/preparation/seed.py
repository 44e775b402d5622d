"""`flask seed`: sample users, a template, notifications, schedules and integrations.

They are created over HTTP by the administrator, so that the validation of the services applies. Samples that exist are
not changed, so that the command can be repeated.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import click

from heidi_standalone.api_client import ApiClient, StepFailed
from heidi_standalone.target import RunningPlatform

JSON = Mapping[str, Any]
DOMAIN = "alp.local"
TEMPLATES_PATH = "/notifications/templates"
USERS: tuple[JSON, ...] = (
    {"firstName": "Heidi", "lastName": "Almer", "role": "USER"},
    {"firstName": "Peter", "lastName": "Geissen", "role": "USER"},
    {"firstName": "Clara", "lastName": "Sesemann", "role": "USER"},
    {"firstName": "Brigitte", "lastName": "Geissen", "role": "USER"},
    {"firstName": "Sebastian", "lastName": "Diener", "role": "USER"},
    {"firstName": "Tobias", "lastName": "Almer", "role": "MODERATOR"},
)
TEMPLATES: tuple[JSON, ...] = (
    {
        "name": "train-leaves",
        "channel": "EMAIL",
        "locale": "en",
        "subject": "Your train to {{ place }}",
        "body": "Dear {{ name }}, your train leaves from platform {{ platform }}.",
    },
)
NOTIFICATIONS: tuple[JSON, ...] = (
    {"channel": "EMAIL", "template": "train-leaves", "variables": {"place": "Maienfeld", "name": "you", "platform": 9}},
    {"channel": "IN_APP", "type": "SUCCESS", "content": "The goats are back in their shed."},
    {"channel": "IN_APP", "type": "WARNING", "content": "Thunderstorm on the alp this evening."},
)
SCHEDULES: tuple[JSON, ...] = (
    {
        "name": "Nightly event",
        "cronExpression": "30 2 * * *",
        "timezone": "Europe/Zurich",
        "action": "event.emit",
        "payload": {"type": "custom.night", "data": {"place": "alp"}},
    },
    {
        "name": "Monday report (switched off)",
        "cronExpression": "0 8 * * MON",
        "timezone": "Europe/Zurich",
        "action": "http.request",
        "payload": {"method": "GET", "url": "https://example.com/report"},
        "isEnabled": False,
    },
)
INTEGRATIONS: tuple[JSON, ...] = (
    {
        "provider": "STRIPE",
        "name": "Stripe (sample)",
        "credentials": {"webhookSecret": f"whsec_{secrets.token_hex(16)}"},
    },
    {"provider": "WEBHOOK", "name": "Partner (sample)"},
)


def main() -> int:
    """Create the samples; the exit status is 1 if the platform rejects one."""
    platform = RunningPlatform.from_env()
    try:
        seed(platform.admin_client())
    except (StepFailed, OSError, KeyError) as error:
        click.secho(f"Error: {platform.explain(error)}", fg="red", err=True)
        return 1
    return 0


def seed(api: ApiClient) -> None:
    """Create the samples that do not exist yet, and print a line for each."""
    password = secrets.token_urlsafe(16)
    created = [user for sample in USERS if (user := _create_user(api, sample, password)) is not None]
    _create_missing(api, "template", TEMPLATES_PATH, TEMPLATES)
    for user in created:
        for notification in NOTIFICATIONS:
            api.post("/notifications", {"userId": user["id"], **notification})
    if created:
        click.echo(f"  created  {len(created) * len(NOTIFICATIONS)} notifications for these users")
    _create_missing(api, "schedule", "/schedules", SCHEDULES)
    _create_missing(api, "integration", "/integrations", INTEGRATIONS)
    if created:
        click.echo(f"Password of these users (shown only now): {password}")


def _create_user(api: ApiClient, sample: JSON, password: str) -> Any:
    """Create a user; None if the user exists."""
    email = f"{sample['firstName'].lower()}@{DOMAIN}"
    if any(user["email"] == email for user in api.get("/users", q=email)):
        click.echo(f"  exists   {email}")
        return None
    user = api.post("/users", {"email": email, "password": password, **sample})
    click.echo(f"  created  {email}, {sample['role']}")
    return user


def _create_missing(api: ApiClient, kind: str, path: str, samples: tuple[JSON, ...]) -> None:
    existing = {item["name"] for item in api.get(path, limit=100)}
    for sample in samples:
        is_missing = sample["name"] not in existing
        if is_missing:
            api.post(path, sample)
        click.echo(f"  {'created' if is_missing else 'exists '}  {kind} {sample['name']}")
