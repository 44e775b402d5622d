"""Sign in (with the second factor), sign out, and the preferences of the display."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from flask import flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import InputRequired

from heidi_common.runtime import current_settings
from heidi_console import calls
from heidi_console.access import PUBLIC
from heidi_console.api.problems import ApiProblem
from heidi_console.api.transport import ApiCall, send
from heidi_console.forms.base import DRAFT, ConsoleForm, explain
from heidi_console.pages.area import PREFIX, Area
from heidi_console.session import signed_in
from heidi_console.translations import LOCALES, lazy, translate

area = Area("sign_in", role=PUBLIC, prefix="")
THEMES = ("auto", "light", "dark")
AUTOCOMPLETE = {"autocapitalize": "none", "spellcheck": "false"}


class SignInForm(ConsoleForm):
    """E-mail address and password."""

    email = EmailField(lazy("E-mail address"), [InputRequired()], render_kw=AUTOCOMPLETE | {"autocomplete": "username"})
    password = PasswordField(lazy("Password"), [InputRequired()], render_kw={"autocomplete": "current-password"})


class CodeForm(ConsoleForm):
    """The second factor."""

    code = StringField(
        lazy("Code"),
        [InputRequired()],
        description=lazy("The 6 digits that your authenticator app shows, or one of your recovery codes."),
        render_kw=AUTOCOMPLETE | {"autocomplete": "one-time-code", "autofocus": True},
    )


@area.form("/sign-in")
def form() -> str | Response:
    """Ask for e-mail address and password."""
    if signed_in.current_user():
        return redirect(next_path(), 303)
    page = SignInForm(email=session.get("email"))
    if page.validate_on_submit():
        body = {"email": page.email.data, "password": page.password.data, "deviceLabel": "Console"}
        if response := _submit(page, "/auth/login", body):
            return response
    reset_url = f"{current_settings().frontend_url}/reset-password"
    return render_template("sign_in/form.html", form=page, ended=session.pop("ended", False), reset_url=reset_url)


@area.form("/sign-in/code")
def form_code() -> str | Response:
    """Ask for the second factor."""
    if "mfa_token" not in session:
        return redirect(url_for("sign_in.form", next=next_path()), 303)
    page = CodeForm()
    if page.validate_on_submit():
        body = {"mfaToken": session["mfa_token"], "code": (page.code.data or "").replace(" ", "")}
        if response := _submit(page, "/auth/mfa/verify", body):
            return response
    return render_template("sign_in/form_code.html", form=page)


@area.act("/sign-out")
def act_sign_out() -> Response:
    """End the session. All services reject its tokens from then on."""
    signed_in.sign_out()
    flash(translate("You are signed out."), "good")
    return redirect(url_for("sign_in.form"), 303)


@area.act("/sign-in/again")
def act_again() -> Response:
    """End the session, and lead to sign-in and back: protected actions need a session that began recently."""
    preserved = {"email": (signed_in.current_user() or {}).get("email"), DRAFT: session.get(DRAFT)}
    signed_in.sign_out()
    session.update(preserved)
    return redirect(url_for("sign_in.form", next=next_path()), 303)


@area.act("/display")
def act_display() -> Response:
    """Change the theme or the language of the console."""
    if request.form.get("theme") in THEMES:
        session["theme"] = request.form["theme"]
    if request.form.get("locale") in LOCALES:
        session["locale"] = request.form["locale"]
    return redirect(next_path(), 303)


def next_path() -> str:
    """Where to go next: a page of the console and nothing else, so that a link cannot lead to another site."""
    path = request.values.get("next", "")
    parts = urlsplit(path)
    safe = not parts.scheme and not parts.netloc and parts.path.startswith(f"{PREFIX}/") and path.isprintable()
    return path if safe and "\\" not in path and not path.startswith("//") else f"{PREFIX}/"


def _submit(page: ConsoleForm, path: str, body: dict[str, Any]) -> Response | None:
    """Send the credentials to auth. None if they were rejected; the form then says why."""
    try:
        response = send(ApiCall("POST", path, json=body)).data
    except ApiProblem as problem:
        page.form_errors = [*page.form_errors, problem.detail if problem.status < 500 else explain(problem)]
        return None
    if response.get("mfaRequired"):
        session["mfa_token"] = response["mfaToken"]
        return redirect(url_for("sign_in.form_code", next=next_path()), 303)
    return _finish(response)


def _finish(response: dict[str, Any]) -> Response:
    for name in ("mfa_token", "email"):
        session.pop(name, None)
    signed_in.sign_in(response)
    with suppress(ApiProblem):  # signing in must not depend on the users service
        _apply_profile(calls.get("/users/me").data)
    return redirect(next_path(), 303)


def _apply_profile(profile: dict[str, Any]) -> None:
    """Use the language and time zone of the account."""
    signed_in.remember_user({name: profile.get(name) for name in ("locale", "timezone", "firstName", "lastName")})
    locale = (profile.get("locale") or "").partition("-")[0]
    if locale in LOCALES:
        session.setdefault("locale", locale)
