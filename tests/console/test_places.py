"""Places: the map, search while typing, nearest cities; a city is created, moved and deactivated."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from heidi_common.database.session import db
from heidi_common.identity.models import Role
from heidi_console.components.map_points import pack
from heidi_services.city.models import City
from heidi_services.city.service import cities
from tests.conftest import SignedIn
from tests.console.conftest import COOKIE, Served, start_session

OpenAs = Callable[..., Page]
BERN = {"name": "Bern", "country": "CH", "latitude": 46.948, "longitude": 7.4474, "population": 134_000}
BASEL = {"name": "Basel", "country": "CH", "latitude": 47.5584, "longitude": 7.5733, "population": 178_000}
LIMA = {"name": "Lima", "country": "PE", "latitude": -12.0432, "longitude": -77.0282, "population": 7_700_000}


@pytest.fixture
def three(app: Flask) -> list[City]:
    return [cities.create(**city) for city in (BERN, BASEL, LIMA)]


def lights(page: Page, x: float, y: float) -> int:
    """The brightest red of the map within three pixels of a point, whose position is a share of the canvas."""
    script = """([x, y]) => { const c = document.querySelector('.map canvas');
      const left = Math.round(x * c.width) - 3, top = Math.round(y * c.height) - 3;
      const data = c.getContext('2d').getImageData(left, top, 7, 7).data;
      return Math.max(...data.filter((_, i) => i % 4 === 0)); }"""
    return int(page.evaluate(script, [x, y]))


def wait_for_points(page: Page) -> None:
    """Wait until the map has loaded its three points and drawn them."""
    expect(page.locator(".map canvas[data-points='3']")).to_be_visible()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def click_map(page: Page, x: float = 0.5, y: float = 0.5) -> None:
    canvas = page.locator(".map canvas")
    box = canvas.bounding_box()
    assert box is not None
    canvas.click(position={"x": box["width"] * x, "y": box["height"] * y})


def test_the_map_shows_the_cities_and_a_click_the_nearest_ones(three: list[City], open_as: OpenAs) -> None:
    page = open_as(Role.MODERATOR)
    page.goto("/console/places/?q=Bern")
    wait_for_points(page)
    assert lights(page, 0.5, 0.5) > 100
    assert lights(page, 0.2, 0.2) < 40
    click_map(page, 0.5, 0.52)
    rows = page.locator(".place-rows li")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("Bern")
    expect(rows.nth(1)).to_contain_text("Basel")
    expect(rows.nth(1)).to_contain_text("km")
    rows.nth(2).get_by_role("link").click()
    expect(page.get_by_role("heading", name="Lima", level=1)).to_be_visible()


def test_places_are_found_while_typing(three: list[City], open_as: OpenAs) -> None:
    page = open_as(Role.MODERATOR)
    page.goto("/console/places/")
    expect(page.locator(".place-rows li").first).to_contain_text("Lima")
    page.get_by_label("Name, also with region or country").press_sequentially("base")
    expect(page.locator(".place-rows li")).to_have_count(1)
    expect(page.locator(".place-rows")).to_contain_text("Basel")
    page.reload()
    expect(page.locator(".place-rows")).to_contain_text("Basel")
    page.get_by_label("Name, also with region or country").fill("!")
    expect(page.locator("#places .notice.bad")).to_be_visible()


def test_a_city_moved_on_the_map_is_found_at_its_new_position(three: list[City], open_as: OpenAs) -> None:
    bern = three[0]
    page = open_as(Role.MODERATOR)
    page.goto(f"/console/places/{bern.id}")
    wait_for_points(page)
    page.get_by_role("link", name="Edit or move").click()
    for _ in range(5):
        page.get_by_role("button", name="Zoom out").click()
    click_map(page, 0.9, 0.5)
    longitude = float(page.get_by_label("Longitude").input_value())
    assert longitude > 20
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The place is changed.")).to_be_visible()
    wait_for_points(page)
    assert lights(page, 0.5, 0.5) > 100, "the map has the new position, not a stored one"
    page.goto(f"/console/places/?latitude=46.9&longitude={longitude}")
    expect(page.locator(".place-rows li").first).to_contain_text("Bern")
    expect(page.locator(".place-rows li").first).to_contain_text("km")


def test_a_city_is_created_where_the_map_was_clicked(app: Flask, open_as: OpenAs) -> None:
    page = open_as(Role.MODERATOR)
    page.goto("/console/places/new")
    click_map(page, 0.25, 0.5)
    expect(page.get_by_label("Longitude")).to_have_value("-90.00000")
    page.get_by_label("Name", exact=True).fill("Galápagos")
    page.get_by_label("Country").fill("e1")
    page.get_by_role("button", name="Create").click()
    expect(page.locator(".field.wrong")).to_have_count(1)
    expect(page.get_by_label("Name", exact=True)).to_have_value("Galápagos")
    page.get_by_label("Country").fill("ec")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("The place is created.")).to_be_visible()
    assert db.session.query(City).one().longitude == -90


def test_a_city_is_deactivated_and_activated(three: list[City], open_as: OpenAs) -> None:
    page = open_as(Role.MODERATOR)
    page.goto(f"/console/places/{three[1].id}")
    page.get_by_role("button", name="Deactivate").click()
    page.get_by_role("dialog").get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text("The place is deactivated.")).to_be_visible()
    page.goto("/console/places/?isActive=false")
    page.get_by_role("link", name="Basel").click()
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_text("The place is active.")).to_be_visible()


def test_the_map_is_operated_by_keyboard(three: list[City], open_as: OpenAs) -> None:
    page = open_as(Role.MODERATOR)
    page.goto("/console/places/?q=Bern")
    page.locator(".map canvas").focus()
    for key in ("ArrowLeft", "ArrowRight", "+", "-", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="Nearest places")).to_be_visible()
    expect(page.locator(".place-rows li").first).to_contain_text("Bern")


def test_without_javascript_there_is_a_list(
    three: list[City], served: Served, chromium: Any, as_user: Callable[..., SignedIn]
) -> None:
    context = chromium.new_context(base_url=served.url, java_script_enabled=False)
    cookie = {"name": COOKIE, "value": start_session(served, as_user(Role.MODERATOR)), "url": served.url}
    context.add_cookies([cookie])
    page = context.new_page()
    page.goto("/console/places/")
    expect(page.locator(".map canvas")).to_be_hidden()
    page.get_by_label("Name, also with region or country").fill("Bern")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("link", name="Bern").click()
    expect(page.get_by_role("heading", name="Bern", level=1)).to_be_visible()
    context.close()


def test_a_city_is_found_by_the_search_of_every_page(three: list[City], open_as: OpenAs) -> None:
    page = open_as(Role.MODERATOR)
    page.goto("/console/search/?q=Basel")
    page.get_by_role("main").get_by_role("link", name="Basel").click()
    expect(page).to_have_url(f"/console/places/{three[1].id}")


def test_points_are_packed_and_revalidated(three: list[City], served: Served, as_user: Callable[..., SignedIn]) -> None:
    client = served.app.test_client()
    client.set_cookie(COOKIE, start_session(served, as_user(Role.MODERATOR)))
    response = client.get("/console/places/points")
    assert len(response.data) == 3 * 9
    assert struct.unpack("<6f", response.data[:24]) == pytest.approx(
        (
            LIMA["longitude"],
            BASEL["longitude"],
            BERN["longitude"],
            LIMA["latitude"],
            BASEL["latitude"],
            BERN["latitude"],
        )
    )
    again = client.get("/console/places/points", headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert "private" in response.headers["Cache-Control"]


def test_brightness_grows_with_the_population() -> None:
    populations = [0, 5_000, 100_000, 2_000_000, 40_000_000]
    columns = {"longitudes": [0.0] * 5, "latitudes": [0.0] * 5, "populations": populations}
    lights = list(pack(columns)[40:])
    assert lights == sorted(set(lights)) and lights[-1] == 255
