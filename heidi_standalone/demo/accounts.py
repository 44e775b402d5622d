"""The first steps of the demonstration: accounts and cities."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from heidi_standalone.api_client import ApiClient, StepFailed
from heidi_standalone.demo.maildir import MailReader
from heidi_standalone.demo.polling import wait_for
from heidi_standalone.demo.terminal import Terminal

ZURICH_MAIN_STATION = {"latitude": 47.3782, "longitude": 8.5402}


@dataclass(frozen=True)
class DemoUser:
    """A user who has signed in."""

    id: str
    email: str
    api: ApiClient


def register_and_sign_in(terminal: Terminal, api: ApiClient, mails: MailReader) -> DemoUser:
    """Register a new user each time, so that the demonstration can be repeated."""
    email, password = f"heidi.demo+{secrets.token_hex(4)}@heidi.local", secrets.token_urlsafe(16)
    with terminal.step("Register a user") as report:
        body = {"email": email, "password": password, "firstName": "Heidi", "lastName": "Demo"}
        user = api.post("/auth/register", body).get("user")
        if user is None:
            raise StepFailed("The demonstration requires AUTH_REGISTRATION=open: it cannot verify an address.")
        report(f"{email}, role {user['role']}")
    with terminal.step("Sign in") as report:
        demo_user = DemoUser(user["id"], email, api.sign_in(email, password))
        report(f"GET /auth/me returns {demo_user.api.get('/auth/me')['email']}")
    with terminal.step("Confirm the e-mail address") as report:
        mail = wait_for(lambda: mails.find(email, "Confirm your e-mail address"), "The e-mail with the link")
        text = mail.get_body(("plain",))
        _, _, token = (text.get_content() if text else "").partition("#token=")
        demo_user.api.post("/auth/email/verify", {"token": token.split()[0]})
        report("an integration needs a confirmed address")
    return demo_user


def sign_in_administrator(terminal: Terminal, api: ApiClient, email: str, password: str) -> ApiClient:
    """Sign the platform's administrator in."""
    with terminal.step("Sign in as the administrator") as report:
        admin = api.sign_in(email, password)
        report(email)
    return admin


def find_nearest_cities(terminal: Terminal, api: ApiClient) -> None:
    """Search cities, which requires no account."""
    with terminal.step("Find the cities nearest to Zürich HB") as report:
        cities = api.get("/cities/nearby", **ZURICH_MAIN_STATION, radiusKm=10, limit=4)
        distances = [city["distanceKm"] for city in cities]
        if not cities or distances != sorted(distances):
            raise StepFailed(f"Expected cities in ascending order of distance, got distances {distances}.")
        report(", ".join(f"{city['name']} {city['distanceKm']:.1f} km" for city in cities))
