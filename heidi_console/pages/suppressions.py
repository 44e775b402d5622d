"""Suppressions: addresses to which nothing is sent, because they bounced, complained or replied STOP."""

from __future__ import annotations

from uuid import UUID

from flask import render_template
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired

from heidi_console import calls
from heidi_console.access import ADMIN
from heidi_console.components.paging import filters, page_of
from heidi_console.forms.base import ConsoleForm, optional
from heidi_console.forms.fields import TimeField
from heidi_console.pages.area import Area
from heidi_console.pages.responses import done
from heidi_console.translations import lazy, translate
from heidi_console.translations.terms import choices

area = Area("suppressions", lazy("Suppressions"), role=ADMIN, group=lazy("Communication"))
BASE = "/notifications/suppressions"


class SuppressionForm(ConsoleForm):
    """An address to which nothing shall be sent."""

    channel = SelectField(lazy("Channel"), choices=choices("EMAIL", "SMS"))
    address = StringField(
        lazy("Address"), [InputRequired()], description=lazy("E-mail address, or telephone number such as +41791234567")
    )
    reason = StringField(lazy("Reason"), description=lazy("Optional, such as “asked by telephone”"))
    expires_at = TimeField(lazy("Until"), description=lazy("Leave it empty to suppress the address indefinitely."))

    def body(self) -> dict[str, str]:
        """The suppression as the API expects it."""
        return optional(self.values("channel", "address", "reason") | {"expiresAt": self.expires_at.api_value})


@area.list()
def list_() -> str:
    """The suppressed addresses, latest first."""
    chosen = filters("channel", "address", "reason")
    response = calls.get(BASE, **page_of(**chosen))
    return render_template("suppressions/list.html", rows=response.data, meta=response.meta, filters=chosen)


@area.form("/new")
def form_new() -> str | Response:
    """Suppress an address."""
    form = SuppressionForm()
    if form.submit(lambda: calls.post(BASE, form.body(), key=form.request_key.data)):
        return done(translate("Nothing is sent to this address any more."), "suppressions.list")
    return render_template("suppressions/form.html", form=form)


@area.act("/<uuid:suppression_id>/delete")
def act_delete(suppression_id: UUID) -> Response:
    """Allow sending to an address again."""
    calls.delete(f"{BASE}/{suppression_id}")
    return done(translate("Messages are sent to this address again."), "suppressions.list")
