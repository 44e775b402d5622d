"""Accounts and places: what everything else begins with."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from heidi_standalone.api_client import Api, Failed
from heidi_standalone.demo.terminal import Screen

ZURICH_MAIN_STATION = {"latitude": 47.3782, "longitude": 8.5402}


@dataclass(frozen=True)
class Person:
    """Somebody who has signed in."""

    id: str
    email: str
    api: Api


def register_and_sign_in(screen: Screen, api: Api) -> Person:
    """A person who was not there before, so that the demonstration can be run again and again."""
    email, password = f"heidi.demo+{secrets.token_hex(4)}@heidi.local", secrets.token_urlsafe(16)
    with screen.step("Register") as tell:
        body = {"email": email, "password": password, "firstName": "Heidi", "lastName": "Demo"}
        user = api.post("/auth/register", body).get("user")
        if user is None:
            raise Failed("registration waits for a verified address (AUTH_REGISTRATION=verified)")
        tell(f"{email}, role {user['role']}")
    with screen.step("Sign in") as tell:
        person = Person(user["id"], email, api.signed_in(email, password))
        tell(f"GET /auth/me says {person.api.get('/auth/me')['email']}")
    return person


def administrator(screen: Screen, api: Api, email: str, password: str) -> Api:
    with screen.step("Sign in as the administrator") as tell:
        signed_in = api.signed_in(email, password)
        tell(email)
    return signed_in


def nearest_cities(screen: Screen, api: Api) -> None:
    """Nobody needs an account for this."""
    with screen.step("Nearest cities to Zürich main station") as tell:
        cities = api.get("/cities/nearby", **ZURICH_MAIN_STATION, radiusKm=10, limit=4)
        distances = [city["distanceKm"] for city in cities]
        if not cities or distances != sorted(distances):
            raise Failed(f"no cities, or not the nearest first: {distances}")
        tell(", ".join(f"{city['name']} {city['distanceKm']:.1f} km" for city in cities))
