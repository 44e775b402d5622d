"""What HTTP itself may not be used for."""

from __future__ import annotations

from flask.testing import FlaskClient


def test_no_redirect_goes_where_the_host_header_says(client: FlaskClient) -> None:
    for path in ("/api/v1//cities", "//api/v1/cities", "/api/v1/cities//"):
        answer = client.get(path, headers={"Host": "evil.example"})
        assert (answer.status_code, answer.headers.get("Location")) == (404, None)


def test_a_slash_at_the_end_changes_nothing(client: FlaskClient) -> None:
    assert client.get("/api/v1/cities/").status_code == 200
