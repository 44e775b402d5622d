"""The areas of the console, one module each. Their order is that of the navigation."""

from heidi_console.pages import (
    account,
    audit,
    clients,
    events,
    home,
    mail,
    messages,
    operations,
    people,
    places,
    schedules,
    search,
    sign_in,
    templates,
    webhooks,
)

AREAS = (
    sign_in.area,
    home.area,
    messages.area,
    templates.area,
    mail.area,
    people.area,
    places.area,
    schedules.area,
    webhooks.area,
    events.area,
    operations.area,
    audit.area,
    clients.area,
    account.area,
    search.area,
)
