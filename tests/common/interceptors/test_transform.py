"""Paths: no redirects to other hosts, and a trailing slash does not matter."""

from __future__ import annotations

from flask.testing import FlaskClient


def test_no_redirect_goes_to_the_host_of_the_host_header(client: FlaskClient) -> None:
    for path in ("/api/v1//cities", "//api/v1/cities", "/api/v1/cities//"):
        response = client.get(path, headers={"Host": "evil.example"})
        assert (response.status_code, response.headers.get("Location")) == (404, None)


def test_a_trailing_slash_does_not_matter(client: FlaskClient) -> None:
    assert client.get("/api/v1/cities/").status_code == 200
