"""The areas of the console, one module each. Their order is that of the navigation."""

from heidi_console.pages import (
    account,
    audit,
    clients,
    events,
    home,
    messages,
    operations,
    people,
    schedules,
    sign_in,
    templates,
    webhooks,
)

AREAS = (
    sign_in.area,
    home.area,
    messages.area,
    templates.area,
    people.area,
    schedules.area,
    webhooks.area,
    events.area,
    operations.area,
    audit.area,
    clients.area,
    account.area,
)
