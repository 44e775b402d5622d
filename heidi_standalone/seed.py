"""Samples to look at: people, a template, notifications, schedules, an integration. `flask seed`

Made over HTTP as the administrator, as any client would make them, so the rules of the services hold for them too.
What is there already is left alone, so it can be run again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import click

from heidi_standalone.api_client import Api, Failed
from heidi_standalone.target import Target

JSON = Mapping[str, Any]
DOMAIN = "alp.local"
TEMPLATES_PATH = "/notifications/templates"
PEOPLE: tuple[JSON, ...] = (
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
        "body": "Dear {{ name }}, it leaves from platform {{ platform }}.",
    },
)
MESSAGES: tuple[JSON, ...] = (
    {"channel": "EMAIL", "template": "train-leaves", "variables": {"place": "Maienfeld", "name": "you", "platform": 9}},
    {"channel": "IN_APP", "type": "SUCCESS", "content": "The goats are back in their shed."},
    {"channel": "IN_APP", "type": "WARNING", "content": "Thunderstorm on the alp this evening."},
)
SCHEDULES: tuple[JSON, ...] = (
    {
        "name": "Nightly fact",
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
    """1 when the platform does not take them."""
    target = Target.from_env()
    try:
        seed(target.as_administrator())
    except (Failed, OSError, KeyError) as error:
        click.secho(f"Nothing more was made: {target.explain(error)}", fg="red", err=True)
        return 1
    return 0


def seed(api: Api) -> None:
    """Make what is missing, and say what was done."""
    password = secrets.token_urlsafe(16)
    people = [person for one in PEOPLE if (person := _person(api, one, password)) is not None]
    _each("template", TEMPLATES, _names(api, TEMPLATES_PATH), lambda one: api.post(TEMPLATES_PATH, one))
    for person in people:
        for message in MESSAGES:
            api.post("/notifications", {"userId": person["id"], **message})
    if people:
        click.echo(f"  made  {len(people) * len(MESSAGES)} notifications for them")
    _each("schedule", SCHEDULES, _names(api, "/schedules"), lambda one: api.post("/schedules", one))
    _each("integration", INTEGRATIONS, _names(api, "/integrations"), lambda one: api.post("/integrations", one))
    if people:
        click.echo(f"The people sign in with the password {password} (shown once).")


def _person(api: Api, one: JSON, password: str) -> Any:
    """None when the person is there already."""
    email = f"{one['firstName'].lower()}@{DOMAIN}"
    if any(found["email"] == email for found in api.get("/users", q=email)):
        click.echo(f"  there {email}")
        return None
    made = api.post("/users", {"email": email, "password": password, **one})
    click.echo(f"  made  {email}, {one['role']}")
    return made


def _names(api: Api, path: str) -> set[str]:
    return {found["name"] for found in api.get(path, limit=100)}


def _each(kind: str, wanted: tuple[JSON, ...], there: set[str], make: Callable[[JSON], object]) -> None:
    for one in wanted:
        if one["name"] not in there:
            make(one)
        click.echo(f"  {'there' if one['name'] in there else 'made '} {kind} {one['name']}")
