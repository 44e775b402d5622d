"""The form that says how the platform authenticates at an endpoint behind a gateway."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wtforms import PasswordField, SelectField, StringField, TextAreaField, URLField
from wtforms.fields.choices import SelectChoice

from heidi_common.schemas.naming import camel
from heidi_console.api.problems import ApiProblem
from heidi_console.forms.base import ConsoleForm, optional
from heidi_console.forms.fields import JsonField
from heidi_console.translations import lazy

NONE = "none"
MEMBERS = {
    "bearer": ("token",),
    "basic": ("username", "password"),
    "headers": ("headers",),
    "oauth2": ("token_url", "client_id", "client_secret", "scope", "audience"),
    "mtls": ("client_certificate", "client_key"),
}
"""Type -> the fields that it has."""
NEVER_FILLED = {"autocomplete": "off", "spellcheck": "false"}
PEM = NEVER_FILLED | {"class": "code", "rows": 5}


class EndpointAuthForm(ConsoleForm):
    """How to authenticate. Secrets are stored encrypted and never shown again, so they must be typed each time."""

    type = SelectField(
        lazy("Authentication"),
        choices=[
            SelectChoice(NONE, lazy("None: the signature is enough")),
            SelectChoice("bearer", lazy("Bearer token")),
            SelectChoice("basic", lazy("User name and password")),
            SelectChoice("headers", lazy("Custom headers")),
            SelectChoice("oauth2", lazy("OAuth 2 client credentials")),
            SelectChoice("mtls", lazy("Client certificate")),
        ],
    )
    token = PasswordField(lazy("Token"), render_kw=NEVER_FILLED)
    username = StringField(lazy("User name"), render_kw=NEVER_FILLED)
    password = PasswordField(lazy("Password"), render_kw={"autocomplete": "new-password"})
    headers = JsonField(
        lazy("Headers"), description=lazy('JSON object, such as {"X-Api-Key": "..."}'), render_kw=NEVER_FILLED
    )
    token_url = URLField(lazy("Token URL"))
    client_id = StringField(lazy("Client ID"), render_kw=NEVER_FILLED)
    client_secret = PasswordField(lazy("Client secret"), render_kw={"autocomplete": "new-password"})
    scope = StringField(lazy("Scope"), description=lazy("Optional"))
    audience = StringField(lazy("Audience"), description=lazy("Optional"))
    client_certificate = TextAreaField(lazy("Certificate"), description=lazy("PEM"), render_kw=PEM)
    client_key = TextAreaField(lazy("Private key"), description=lazy("PEM, without a password"), render_kw=PEM)

    def body(self) -> dict[str, Any]:
        """The change of the integration as the API expects it."""
        kind = str(self.type.data)
        if kind == NONE:
            return {"endpointAuth": None}
        values = {camel(name): self._value(name) for name in MEMBERS[kind]}
        return {"endpointAuth": {"type": kind} | optional(values)}

    def _value(self, name: str) -> Any:
        field = self[name]
        return field.value or None if isinstance(field, JsonField) else field.data or None

    def show_problem(self, problem: ApiProblem, names: dict[str, str] | None = None) -> None:
        """Show an error of the API at the field of the member that it names."""
        prefix = "/endpointAuth"
        problem.errors = [replace(error, pointer=error.pointer.removeprefix(prefix)) for error in problem.errors]
        super().show_problem(problem, names)


def auth_values(current: dict[str, Any]) -> dict[str, Any]:
    """The values of the form for the authentication that the API shows, which is without secrets."""
    shown = ("type", "username", "token_url", "client_id", "scope", "audience")
    return {name: current[camel(name)] for name in shown if current.get(camel(name))}
