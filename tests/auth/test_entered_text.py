"""Sign-in with text as users enter it: spaces, other digits, other forms of an address."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from tests.auth.helpers import ANOTHER, PASSWORD, login, mails, register
from tests.auth.test_mfa import ada  # noqa: F401  a fixture

FORMER = {"moß@example.test": "moss@example.test", "ΝΊΚΟς@example.test": "νίκοσ@example.test"}


def become_former(stored: str) -> None:
    """Store the only user's address as version 1.1 did."""
    with transaction():
        user = db.session.query(User).one()
        user.email, user.has_former_email = stored, True


@pytest.mark.parametrize(
    "email", [" ada@example.test", "ada@example.test\n", "\u00a0ADA@example.test ", "ada@example.test\u200b"]
)
def test_spaces_around_an_address_are_ignored(client: FlaskClient, email: str) -> None:
    register(client)
    assert login(client, email).status_code == 200


def test_similar_addresses_are_different_users(client: FlaskClient) -> None:
    for first, second in (("moß", "moss"), ("weiß", "weiss"), ("ﬁn", "fin")):
        register(client, f"{first}@example.test", PASSWORD)
        assert login(client, f"{second}@example.test", PASSWORD).status_code == 401
        register(client, f"{second}@example.test", ANOTHER)
        assert login(client, f"{first}@example.test", PASSWORD).status_code == 200
        assert login(client, f"{second}@example.test", ANOTHER).status_code == 200


@pytest.mark.parametrize("email", FORMER)
def test_users_with_an_address_in_the_former_form_sign_in_and_reset(client: FlaskClient, email: str) -> None:
    register(client)
    become_former(FORMER[email])
    assert login(client, email).status_code == 200
    assert login(client, FORMER[email]).status_code == 200
    client.post("/api/v1/auth/password/forgot", json={"email": email})
    assert len(mails("password-reset")) == 1


def test_the_exact_address_precedes_a_former_one(client: FlaskClient) -> None:
    register(client)
    become_former("moss@example.test")
    register(client, "moß@example.test", ANOTHER)
    assert login(client, "moß@example.test", ANOTHER).status_code == 200
    assert login(client, "moß@example.test", PASSWORD).status_code == 401
    assert login(client, "moss@example.test", PASSWORD).status_code == 200


@pytest.mark.parametrize(
    "write",
    [
        lambda code: f"{code[:3]} {code[3:]}",
        lambda code: "".join(chr(ord(digit) + 0xFEE0) for digit in code),
        lambda code: "".join(chr(ord(digit) - ord("0") + 0x0660) for digit in code),
        lambda code: f"\u200e{code[:2]}\u00a0{code[2:4]}-{code[4:]}\n",
    ],
)
def test_codes_may_contain_spaces_and_digits_of_other_scripts(ada, write) -> None:  # noqa: F811
    ada.advance()
    assert ada.verify(ada.challenge(), write(ada.code())).status_code == 200


def test_a_used_code_has_its_own_message_and_is_no_failed_attempt(ada) -> None:  # noqa: F811
    ada.advance()
    code = ada.code()
    assert ada.verify(ada.challenge(), code).status_code == 200
    token = ada.challenge()
    for _ in range(12):
        response = ada.verify(token, code)
        assert (response.status_code, response.json["code"]) == (401, "code_already_used")
    assert ada.verify(token, ada.code(-1)).json["code"] == "code_already_used"
    assert ada.verify(token, ada.code(1)).status_code == 200
