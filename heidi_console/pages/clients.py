"""Machine clients: list, create, rotate, revoke. A secret is shown once."""

from __future__ import annotations

from uuid import UUID

from flask import render_template
from werkzeug.wrappers import Response
from wtforms import SelectMultipleField, StringField, widgets
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from heidi_common.identity.scopes import DESCRIPTIONS
from heidi_console import calls
from heidi_console.access import ADMIN
from heidi_console.components.paging import page_of
from heidi_console.forms.base import ConsoleForm
from heidi_console.pages.area import Area
from heidi_console.pages.responses import done
from heidi_console.translations import lazy, translate

area = Area("clients", lazy("Clients"), role=ADMIN, group=lazy("Platform"))


class ClientForm(ConsoleForm):
    """The name and the scopes of a machine client."""

    name = StringField(lazy("Name"), [InputRequired()], description=lazy("What uses it, such as “billing”"))
    scopes = SelectMultipleField(
        lazy("Scopes"),
        choices=[SelectChoice(scope.value, scope.value) for scope in DESCRIPTIONS],
        option_widget=widgets.CheckboxInput(),
        widget=widgets.ListWidget(prefix_label=False),
    )


@area.list()
def list_() -> str:
    """The machine clients that are not revoked."""
    response = calls.get("/auth/clients", **page_of())
    return render_template("clients/list.html", clients=response.data, meta=response.meta)


@area.form("/new")
def form_new() -> str | Response:
    """Create a machine client and show its secret."""
    form = ClientForm()
    if created := form.submit(lambda: calls.post("/auth/clients", form.values("name", "scopes"))):
        return render_template("clients/show_secret.html", client=created.data)
    return render_template("clients/form_new.html", form=form, about=DESCRIPTIONS)


@area.act("/<uuid:client_id>/rotate")
def act_rotate(client_id: UUID) -> str:
    """Replace the secret and show the new one."""
    return render_template("clients/show_secret.html", client=calls.post(f"/auth/clients/{client_id}/rotate").data)


@area.act("/<uuid:client_id>/revoke")
def act_revoke(client_id: UUID) -> Response:
    """Revoke a client. All services reject its tokens at once."""
    calls.delete(f"/auth/clients/{client_id}")
    return done(translate("The client is revoked."), "clients.list")
