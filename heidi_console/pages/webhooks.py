"""Webhooks: endpoints and receivers, their deliveries and received events."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from heidi_common.runtime import current_settings
from heidi_console import calls
from heidi_console.access import USER
from heidi_console.calls import read
from heidi_console.components.paging import filters, page_of
from heidi_console.forms.endpoint_auth import MEMBERS, NONE, EndpointAuthForm, auth_values
from heidi_console.forms.webhook import RecoverForm, WebhookEditForm, WebhookForm
from heidi_console.pages.area import Area
from heidi_console.pages.responses import done, part, parts
from heidi_console.translations import lazy, translate, translate_count

area = Area("webhooks", lazy("Webhooks"), role=USER, group=lazy("Automation"))
NAMES = {"config": "event_types"}
"""Field of the API -> field of the form."""


@area.list()
def list_() -> str:
    """The integrations: for administrators those of all users, otherwise the user's own."""
    chosen = filters("q", "provider", "isActive", "isFailing")
    response = calls.get("/integrations", **page_of(**chosen))
    return render_template(
        "webhooks/list.html",
        webhooks=response.data,
        meta=response.meta,
        filters=chosen,
        providers=[provider["name"] for provider in _providers()],
    )


@area.list("/deliveries")
def list_deliveries() -> str:
    """The deliveries to all endpoints that the user may see, with the failures of the last day."""
    chosen = filters("status", "eventType")
    response = calls.get("/integrations/deliveries", **page_of(**chosen))
    return render_template(
        "webhooks/list_deliveries.html",
        deliveries=response.data,
        meta=response.meta,
        filters=chosen,
        failures=part("/integrations/deliveries/failures", limit=5) or [],
        names=_names(),
    )


@area.list("/events")
def list_events() -> str:
    """The events that all integrations have received that the user may see."""
    chosen = filters("type")
    response = calls.get("/integrations/events", **page_of(**chosen))
    return render_template(
        "webhooks/list_events.html", events=response.data, meta=response.meta, filters=chosen, names=_names()
    )


def _names() -> dict[str, str]:
    """The names of the latest integrations by ID."""
    return {webhook["id"]: webhook["name"] for webhook in part("/integrations", limit=100) or []}


def _providers() -> list[dict[str, Any]]:
    providers: list[dict[str, Any]] = calls.get("/integrations/providers").data
    return providers


@area.show("/<uuid:webhook_id>")
def show(webhook_id: UUID) -> str:
    """One integration with its deliveries, received events and requests."""
    base = f"/integrations/{webhook_id}"
    webhook = calls.get(base).data
    chosen = filters("status")
    history = parts(
        deliveries=read(f"{base}/deliveries", limit=20, **chosen),
        events=read(f"{base}/events", limit=10),
        logs=read(f"{base}/logs", limit=10),
    )
    return render_template(
        "webhooks/show.html",
        webhook=webhook,
        receiver=receiver_url(webhook["provider"], webhook["id"]),
        filters=chosen,
        recover=RecoverForm(),
        **history,
    )


@area.show("/<uuid:webhook_id>/deliveries/<uuid:delivery_id>")
def show_delivery(webhook_id: UUID, delivery_id: UUID) -> str:
    """One delivery with its request and its attempts."""
    delivery = calls.get(f"/integrations/{webhook_id}/deliveries/{delivery_id}").data
    return render_template("webhooks/show_delivery.html", delivery=delivery)


@area.form("/<uuid:webhook_id>/authentication")
def form_auth(webhook_id: UUID) -> str | Response:
    """Choose how the platform authenticates at the endpoint."""
    response = calls.get(f"/integrations/{webhook_id}")
    current = response.data.get("endpointAuth") or {}
    form = EndpointAuthForm(etag=response.etag, **{"type": NONE, **auth_values(current)})
    if form.submit(lambda: calls.patch(f"/integrations/{webhook_id}", form.body(), etag=form.etag.data)):
        return done(translate("The authentication is saved."), "webhooks.show", webhook_id=webhook_id)
    return render_template("webhooks/form_auth.html", form=form, webhook=response.data, members=MEMBERS)


@area.form("/<uuid:webhook_id>/edit")
def form_edit(webhook_id: UUID) -> str | Response:
    """Change the name, the endpoint, the event types or the credentials of an integration."""
    response = calls.get(f"/integrations/{webhook_id}")
    webhook, config = response.data, response.data["config"] or {}
    values = {"name": webhook["name"], "webhook_url": webhook["webhookUrl"]}
    form = WebhookEditForm(etag=response.etag, event_types="\n".join(config.get("eventTypes") or ()), **values)
    path = f"/integrations/{webhook_id}"
    if form.submit(lambda: calls.patch(path, form.body(config), etag=form.etag.data), NAMES):
        return done(translate("The webhook is changed."), "webhooks.show", webhook_id=webhook_id)
    return render_template("webhooks/form_edit.html", form=form, webhook=webhook)


@area.form("/new")
def form_new() -> str | Response:
    """Create an integration and show its secrets."""
    form, providers = WebhookForm(), _providers()
    form.offer(providers)
    if created := form.submit(lambda: calls.post("/integrations", form.body()), NAMES):
        webhook = created.data
        receiver = receiver_url(webhook["provider"], webhook["id"])
        return render_template("webhooks/show_secret.html", webhook=webhook, receiver=receiver)
    return render_template("webhooks/form_new.html", form=form, providers=providers)


@area.act("/<uuid:webhook_id>/test")
def act_test(webhook_id: UUID) -> Response:
    """Send a signed test to the endpoint, or call the provider's API."""
    result = calls.post(f"/integrations/{webhook_id}/test").data
    detail = f"{result['detail']} ({result['durationMs']}\N{NO-BREAK SPACE}ms)"
    flash(
        detail if result["ok"] else translate("The test failed: %(detail)s", detail=detail),
        "good" if result["ok"] else "bad",
    )
    return redirect(url_for("webhooks.show", webhook_id=webhook_id), 303)


@area.act("/<uuid:webhook_id>/active")
def act_active(webhook_id: UUID) -> Response:
    """Disable or enable an integration."""
    active = request.form.get("active") == "yes"
    calls.patch(f"/integrations/{webhook_id}", {"isActive": active})
    text = translate("The webhook is enabled.") if active else translate("The webhook is disabled.")
    return done(text, "webhooks.show", webhook_id=webhook_id)


@area.act("/<uuid:webhook_id>/rotate")
def act_rotate(webhook_id: UUID) -> str:
    """Replace the signing secret and show the new one."""
    secret = calls.post(f"/integrations/{webhook_id}/rotate-secret").data
    webhook = calls.get(f"/integrations/{webhook_id}").data | secret
    return render_template("webhooks/show_secret.html", webhook=webhook, receiver=None)


@area.act("/<uuid:webhook_id>/recover")
def act_recover(webhook_id: UUID) -> Response:
    """Send again what has failed, and what was missed, since a time."""
    form = RecoverForm()
    if not form.validate_on_submit() or not form.since.api_value:
        flash(translate("Enter the time since when deliveries are to be recovered."), "bad")
        return redirect(url_for("webhooks.show", webhook_id=webhook_id), 303)
    body = {"since": form.since.api_value}
    count = calls.post(f"/integrations/{webhook_id}/recover", body, key=form.request_key.data).data["recovered"]
    text = translate_count("%(num)s delivery is sent again.", "%(num)s deliveries are sent again.", count)
    return done(text, "webhooks.show", webhook_id=webhook_id)


@area.act("/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/retry")
def act_retry(webhook_id: UUID, delivery_id: UUID) -> Response:
    """Send a delivery again now."""
    calls.post(f"/integrations/{webhook_id}/deliveries/{delivery_id}/retry")
    text = translate("The delivery is being sent again; its result appears below.")
    return done(text, "webhooks.show_delivery", webhook_id=webhook_id, delivery_id=delivery_id)


@area.act("/<uuid:webhook_id>/events/<uuid:event_id>/replay")
def act_replay(webhook_id: UUID, event_id: UUID) -> Response:
    """Let subscribers handle a received event again."""
    calls.post(f"/integrations/{webhook_id}/events/{event_id}/replay")
    return done(translate("The event is being handled again."), "webhooks.show", webhook_id=webhook_id)


@area.act("/<uuid:webhook_id>/delete")
def act_delete(webhook_id: UUID) -> Response:
    """Delete an integration with its history."""
    calls.delete(f"/integrations/{webhook_id}")
    return done(translate("The webhook is deleted."), "webhooks.list")


def receiver_url(provider: str, webhook_id: str) -> str:
    """The URL to enter at the provider."""
    return f"{current_settings().public_base_url}/api/v1/webhooks/{provider.lower()}/{webhook_id}"
