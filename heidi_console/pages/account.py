"""Account: the user's own profile, password, second factor, sessions and preferences."""

from __future__ import annotations

from uuid import UUID

import segno
from flask import redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from heidi_common.channels.registry import CHANNELS
from heidi_console import calls
from heidi_console.access import USER
from heidi_console.api.problems import ApiProblem
from heidi_console.calls import read
from heidi_console.forms.account import ConfirmFactorForm, EmailForm, PasswordForm, ProfileForm
from heidi_console.forms.preferences import PreferencesForm
from heidi_console.pages.area import Area
from heidi_console.pages.avatars import change_avatar, remove_avatar, show_avatar
from heidi_console.pages.files import SLICE_BYTES
from heidi_console.pages.responses import done, parts
from heidi_console.session import signed_in
from heidi_console.translations import lazy, translate

area = Area("account", lazy("Account"), role=USER, group=lazy("Own account"))
PROFILE = ("first_name", "last_name", "phone", "locale", "timezone")


@area.list()
def list_() -> str:
    """Everything about the own account."""
    return render_template(
        "account/list.html",
        slice_bytes=SLICE_BYTES,
        profile=calls.get("/users/me").data,
        **parts(me=read("/auth/me"), sessions=read("/auth/sessions"), devices=read("/notifications/devices")),
    )


@area.form("/profile")
def form_profile() -> str | Response:
    """Change the own profile."""
    response = calls.get("/users/me")
    names = {"first_name": "firstName", "last_name": "lastName"}
    form = ProfileForm(etag=response.etag, **{name: response.data.get(names.get(name, name)) for name in PROFILE})
    if saved := form.submit(lambda: calls.patch("/users/me", form.values(*PROFILE), etag=form.etag.data)):
        signed_in.remember_user({name: saved.data[name] for name in ("firstName", "lastName", "locale", "timezone")})
        return done(translate("Your profile is changed."), "account.list")
    return render_template("account/form.html", form=form, title=translate("Profile"), fields=PROFILE)


@area.show("/avatar")
def show_own_avatar() -> Response:
    """The own picture."""
    return show_avatar(signed_in.user_id())


@area.act("/avatar")
def act_avatar() -> Response:
    """Change the own picture."""
    return change_avatar(signed_in.user_id(), "account.list")


@area.act("/avatar/remove")
def act_remove_avatar() -> Response:
    """Remove the own picture."""
    return remove_avatar(signed_in.user_id(), "account.list")


@area.form("/password")
def form_password() -> str | Response:
    """Change the password. All other sessions end."""
    form, fields = PasswordForm(), ("current_password", "new_password")
    if form.submit(lambda: calls.post("/auth/password/change", form.values(*fields))):
        return done(translate("The password is changed. Your other sessions have ended."), "account.list")
    return render_template("account/form.html", form=form, title=translate("Password"), fields=fields)


@area.form("/email")
def form_email() -> str | Response:
    """Change the own e-mail address."""
    form, fields = EmailForm(), ("email", "password")
    if form.submit(lambda: calls.post("/auth/email/change", form.values(*fields))):
        text = translate("Follow the link in the e-mail to the new address. Until then the current one is used.")
        return done(text, "account.list")
    return render_template("account/form.html", form=form, title=translate("E-mail address"), fields=fields)


@area.act("/second-factor")
def act_enrol() -> Response:
    """Create the secret of a second factor. It takes effect once it is confirmed."""
    session["enrolment"] = calls.post("/auth/mfa/totp").data
    return redirect(url_for("account.form_second_factor"), 303)


@area.form("/second-factor/confirm")
def form_second_factor() -> str | Response:
    """Confirm a second factor by its first code, and show the recovery codes."""
    enrolment = session.get("enrolment")
    if enrolment is None:
        return redirect(url_for("account.list"), 303)
    form = ConfirmFactorForm()
    body = {"code": (form.code.data or "").replace(" ", "")}
    if confirmed := form.submit(lambda: calls.post("/auth/mfa/totp/confirm", body)):
        session.pop("enrolment")
        return render_template("account/show_codes.html", codes=confirmed.data["recoveryCodes"])
    qr = segno.make(enrolment["otpauthUri"], micro=False).svg_data_uri(scale=5, border=2, dark="#000", light="#fff")
    return render_template("account/form_second_factor.html", form=form, qr=qr, secret=enrolment["secret"])


@area.act("/second-factor/recovery-codes")
def act_recovery_codes() -> str:
    """Replace the recovery codes, and show the new ones."""
    codes = calls.post("/auth/mfa/recovery-codes").data
    return render_template("account/show_codes.html", codes=codes["recoveryCodes"])


@area.act("/second-factor/remove")
def act_remove_second_factor() -> Response:
    """Remove the own second factor."""
    calls.delete("/auth/mfa/totp")
    return done(translate("The second factor is removed."), "account.list")


@area.act("/sessions/<uuid:session_id>/end")
def act_end_session(session_id: UUID) -> Response:
    """End one of the own sessions."""
    calls.delete(f"/auth/sessions/{session_id}")
    return done(translate("The session has ended."), "account.list")


@area.act("/verify")
def act_verify() -> Response:
    """Send the e-mail that verifies the address again."""
    calls.post("/auth/email/resend")
    return done(translate("The e-mail is on its way."), "account.list")


@area.act("/devices/<uuid:device_id>/delete")
def act_delete_device(device_id: UUID) -> Response:
    """Stop push messages to a device."""
    calls.delete(f"/notifications/devices/{device_id}")
    return done(translate("The device is removed."), "account.list")


@area.form("/preferences")
def form_preferences() -> str | Response:
    """Choose which messages arrive on which channel, and the quiet hours."""
    current = calls.get("/notifications/preferences").data
    form = PreferencesForm(current)
    if request.method == "POST":
        form.read(request.form)
        try:
            calls.put("/notifications/preferences", form.body())
            return done(translate("Your preferences are saved."), "account.list")
        except ApiProblem as problem:
            form.errors = [error.detail for error in problem.errors] or [problem.detail]
    return render_template("account/form_preferences.html", form=form, channels=CHANNELS)
