"""Forms of accounts."""

from __future__ import annotations

from wtforms import EmailField, PasswordField, SelectField, StringField, TelField
from wtforms.validators import InputRequired

from heidi_console.forms.base import ConsoleForm
from heidi_console.translations import lazy
from heidi_console.translations.terms import choices

ROLES = ("USER", "MODERATOR", "ADMIN")


class ProfileForm(ConsoleForm):
    """What users may change themselves."""

    first_name = StringField(lazy("First name"))
    last_name = StringField(lazy("Last name"))
    phone = TelField(lazy("Telephone"), description=lazy("For text messages, such as +41791234567"))
    locale = StringField(lazy("Language"), description=lazy("Such as en or de-CH. Templates and the console use it."))
    timezone = StringField(lazy("Time zone"), description=lazy("Such as Europe/Zurich"))


class AccountForm(ProfileForm):
    """What administrators may change."""

    email = EmailField(lazy("E-mail address"), [InputRequired()])
    role = SelectField(lazy("Role"), choices=choices(*ROLES))


class InvitationForm(ConsoleForm):
    """A new account, whose user chooses the password."""

    email = EmailField(lazy("E-mail address"), [InputRequired()])
    first_name = StringField(lazy("First name"))
    last_name = StringField(lazy("Last name"))
    role = SelectField(lazy("Role"), choices=choices(*ROLES))


class PasswordForm(ConsoleForm):
    """A new password, confirmed by the current one."""

    current_password = PasswordField(
        lazy("Current password"), [InputRequired()], render_kw={"autocomplete": "current-password"}
    )
    new_password = PasswordField(lazy("New password"), [InputRequired()], render_kw={"autocomplete": "new-password"})


class EmailForm(ConsoleForm):
    """A new address. It is used once the link in the e-mail to it is followed."""

    email = EmailField(lazy("New e-mail address"), [InputRequired()], render_kw={"autocomplete": "email"})
    password = PasswordField(
        lazy("Current password"), [InputRequired()], render_kw={"autocomplete": "current-password"}
    )


class ConfirmFactorForm(ConsoleForm):
    """The first code of a second factor."""

    code = StringField(
        lazy("Code"),
        [InputRequired()],
        description=lazy("The 6 digits that your authenticator app shows"),
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric"},
    )
