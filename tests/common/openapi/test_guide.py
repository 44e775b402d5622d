"""The pages under `/docs/`: every page of the guide and every link between them can be opened."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient

from heidi_common.openapi.guide import FOLDER, guide_pages, slug
from heidi_services import SERVICES

PAGES = sorted(path.stem for path in FOLDER.glob("*.md"))
PAGES_OF_THE_ROUTER = ("/console/", "/docs/")


@pytest.mark.parametrize("name", PAGES)
def test_every_page_can_be_opened_and_its_links_resolve(client: FlaskClient, name: str) -> None:
    url = f"/docs/guide/{name}"
    response = client.get(url)
    assert response.status_code == 200
    html = response.get_data(as_text=True)
    assert html.count("<h1") == 1
    assert not re.search(r"<script[^>]+src|https?://[^\"]+\.(css|js)\"", html), "nothing is loaded from elsewhere"
    for target in re.findall(r'(?:href|src)="([^"]+)"', html):
        path, _, anchor = urljoin(url, target).partition("#")
        if path.startswith(("http", "data:")) or path in PAGES_OF_THE_ROUTER:
            continue
        with client.get(path) as linked:
            assert linked.status_code == 200, target
            assert not anchor or f'id="{anchor}"' in linked.get_data(as_text=True), target


def test_the_start_page_links_services_and_guide(client: FlaskClient) -> None:
    html = client.get("/docs/").get_data(as_text=True)
    for target in (*(f"/docs/{name}/" for name in SERVICES), *(f"/docs/guide/{name}" for name in PAGES), "/console/"):
        assert f'href="{target}"' in html


def test_the_search_has_all_sections(client: FlaskClient) -> None:
    sections = client.get("/docs/guide/search.json").get_json()
    urls = [section["url"] for section in sections]
    assert {url.partition("#")[0].rpartition("/")[2] for url in urls} == {*PAGES}
    for page in guide_pages().values():
        assert all(f'id="{section.url.partition("#")[2]}"' in page.html for section in page.sections)


def test_every_operation_names_its_service(client: FlaskClient) -> None:
    paths = client.get("/docs/openapi.json").get_json()["paths"]
    assert paths["/api/v1/users/me"]["get"]["x-service"] == "users"
    assert paths["/api/v1/core/status"]["get"]["x-service"] == "core"


@pytest.mark.parametrize("name", ["missing", "..", "README", "structure.md", "%2e%2e%2fREADME"])
def test_other_files_are_not_shown(client: FlaskClient, name: str) -> None:
    assert client.get(f"/docs/guide/{name}").status_code == 404
    assert client.get(f"/docs/guide/images/{name}").status_code == 404


@pytest.mark.parametrize(("title", "anchor"), [("A walk", "a-walk"), ("`GET /x` and B's", "get-x-and-bs")])
def test_anchors_are_those_of_github(title: str, anchor: str) -> None:
    assert slug(title) == anchor
