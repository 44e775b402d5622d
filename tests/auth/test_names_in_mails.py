"""What an attacker could send to a stranger by registering their address."""

from __future__ import annotations

import unicodedata

import pytest
from flask.testing import FlaskClient

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import mailer
from heidi_common.identity.models import Role, User
from heidi_common.messaging.events import UserCreated
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.operations.onboard_user import OnboardUser
from heidi_common.schemas.person_names import name_error
from heidi_services.notification.models import Notification
from heidi_services.notification.service import event_handlers
from tests.auth.helpers import PASSWORD, bearer, login, mails, register, register_verified, verify_email

LINKS = (
    "You won! claim at https://evil.example/x",
    "HTTP://EVIL.EXAMPLE",
    "hxxp://evil.example",
    "visit bit.ly/win",
    "evil.com",
    "Evil.Com now",
    "www.evil",
    "evil\u3002com",
    "ｅｖｉｌ．ｃｏｍ",
    "пример.рф",
    "shop.co.uk",
    "mailto:eve@evil",
    "javascript:alert(1)",
    "eve@evil.example",
    "10.0.0.1/win",
    "//evil.io",
    "user.github.io",
)
INVISIBLE = (
    "Ada\u202eecila",
    "A\u200bda",
    "\u2066Ada\u2069",
    "Ada\x07",
    "Ada\x1b[31m",
    "A\u00adda",
    "\ufeffAda",
    "Ada\u0085",
    "\ue000",
)
NAMES = (
    "Ada",
    "J.R.R.",
    "J. R.",
    "St. John",
    "Anne.Marie",
    "O'Neil-Smith",
    "Nguyễn Văn",
    "محمد",
    "王小明",
    "Ph.D.",
    "Martin Luther King Jr.",
    "Dr. h.c. Müller",
    "Łukasz",
    "d’Artagnan",
    "3Jane",
    "A/B",
)


@pytest.mark.parametrize("name", [*LINKS, *INVISIBLE])
def test_a_name_with_a_link_or_an_invisible_character_is_rejected(name: str) -> None:
    assert name_error(name) is not None


@pytest.mark.parametrize("name", NAMES)
def test_names_of_people_are_accepted(name: str) -> None:
    assert name_error(name) is None and name_error(unicodedata.normalize("NFD", name)) is None


@pytest.mark.parametrize("field", ["firstName", "lastName"])
@pytest.mark.parametrize("name", [LINKS[0], LINKS[3], INVISIBLE[0]])
def test_every_way_to_set_a_name_checks_it(client: FlaskClient, as_user, field: str, name: str) -> None:
    body = {"email": "ada@example.test", "password": PASSWORD, field: name}
    admin = as_user(Role.ADMIN).headers
    onboarded = {"email": "x@example.test", "greeting": "hello", field: name}
    for response in (
        client.post("/api/v1/auth/register", json=body),
        client.post("/api/v1/users", json=body, headers=admin),
        client.patch("/api/v1/users/me", json={field: name}, headers=admin),
    ):
        assert (response.status_code, response.json["errors"][0]["pointer"].rsplit("/")[-1]) == (422, field)
    assert list(OnboardUser().validate(onboarded)) == [field]


def test_mails_to_an_unverified_address_contain_no_text_of_whoever_registered_it(client: FlaskClient) -> None:
    register(client, firstName="Mallory")
    body = {"email": "ada@example.test", "password": PASSWORD, "deviceLabel": "Claim at evil"}
    assert client.post("/api/v1/auth/login", json=body, headers={"User-Agent": "Prize/1"}).status_code == 200
    client.post("/api/v1/auth/password/forgot", json={"email": "ada@example.test"})
    sent = [*mails("verify-email"), *mails("new-device"), *mails("password-reset")]
    assert len(sent) == 3
    for mail in sent:
        assert mail["variables"]["firstName"] == "" and mail["variables"].get("device", "") == ""


def welcome_text() -> str:
    [event] = (event for event in db.session.query(OutboxEvent) if event.type == UserCreated.type)
    with transaction():
        event_handlers.handle_user_created(event)
    notification = db.session.query(Notification).one()
    return f"{notification.subject} {notification.content}"


def test_a_welcome_mail_greets_verified_users_only(client: FlaskClient) -> None:
    register(client, firstName="Mallory")
    assert "Mallory" not in welcome_text()


def test_a_verified_user_is_greeted_by_name(client: FlaskClient) -> None:
    register_verified(client, firstName="Ada")
    assert "Ada" in welcome_text()
    login(client)
    verified = mails("verify-email")
    assert verified[0]["variables"]["firstName"] == ""
    client.post("/api/v1/auth/password/forgot", json={"email": "ada@example.test"})
    assert mails("password-reset")[0]["variables"]["firstName"] == "Ada"


def test_a_stored_name_that_is_rejected_today_is_left_out(client: FlaskClient) -> None:
    data = register(client)
    verify_email(client, headers=bearer(data))
    user = db.session.query(User).one()
    user.first_name = LINKS[0]
    assert mailer.greeting_name(user) == ""
    user.first_name = "Ada"
    assert mailer.greeting_name(user) == "Ada"
    db.session.rollback()
