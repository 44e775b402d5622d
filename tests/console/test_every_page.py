"""Every page in a real browser: accessible in both themes, small, from one origin, without scrolling sideways."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Page, Response

from heidi_common.identity.models import Role
from tests.conftest import SignedIn
from tests.console.accessibility import violations
from tests.console.conftest import Served
from tests.console.examples import PAGES, WITHOUT_EXAMPLE, Example
from tests.notification.conftest import Post

MAX_BYTES = 150_000


def test_every_page_has_an_example(served: Served) -> None:
    views = {rule.endpoint for rule in served.app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    pages = {view for view in views if view != "static" and not view.startswith("health.")}
    assert pages - {example.name.partition(" ")[0] for example in PAGES} <= set(WITHOUT_EXAMPLE)


@pytest.mark.parametrize("example", PAGES, ids=lambda example: example.name)
def test_a_page_is_accessible_small_and_fits_every_width(
    app: Flask,
    served: Served,
    open_as: Callable[..., Page],
    as_user: Callable[..., SignedIn],
    post: Post,
    reconfigure: Callable[..., None],
    tmp_path: Path,
    example: Example,
) -> None:
    reconfigure(mail_sink_folder=str(tmp_path))
    admin = as_user(Role.ADMIN)
    path = example.prepare(admin, post)
    page = open_as(admin if example.signed_in else None)
    responses: list[Response] = []
    page.on("response", lambda each: responses.append(each))
    response = page.goto(path)
    assert response is not None
    assert response.status == 200
    assert {urlsplit(each.url).netloc for each in responses} == {urlsplit(served.url).netloc}
    assert sum(len(each.body()) for each in responses if each.ok) < MAX_BYTES
    assert violations(page) == []
    for width in (360, 768, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 360, "height": 800})
    page.emulate_media(color_scheme="dark")
    with page.expect_navigation():
        page.locator("button[lang=de]").evaluate("button => button.form.requestSubmit(button)")
    assert page.evaluate("document.documentElement.lang") == "de"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, "German words are longer"
    assert violations(page) == []
