"""A REST client: one base URL, one token, and an error that says what the platform answered."""

from __future__ import annotations

from typing import Any

import requests

TIMEOUT = 20


class Failed(Exception):
    """What was expected did not come; the text says what came instead."""


class Api:
    """Calls under `/api/v1` and gives back `data`."""

    def __init__(self, base_url: str, token: str | None = None) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        self.session.trust_env = False
        if token is not None:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def signed_in(self, email: str, password: str) -> Api:
        """The same platform as that person."""
        tokens = self.post("/auth/login", {"email": email, "password": password})
        if "accessToken" not in tokens:
            raise Failed(f"{email} has a second factor; sign in another way")
        return Api(self.base_url, tokens["accessToken"])

    def get(self, path: str, **query: Any) -> Any:
        return self._data(self.session.get(self._url(path), params=query, timeout=TIMEOUT))

    def post(self, path: str, body: object = None, *, idempotency_key: str | None = None) -> Any:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._data(self.session.post(self._url(path), json=body, headers=headers, timeout=TIMEOUT))

    def post_raw(self, path: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        """Bytes as they are, for signatures; no token."""
        url = self._url(path)
        try:
            return requests.post(url, data=body, headers=headers, timeout=TIMEOUT)
        except requests.ConnectionError:
            raise Failed(f"{url} cannot be reached") from None

    def stream(self, path: str) -> requests.Response:
        """An open event stream."""
        response = self.session.get(self._url(path), stream=True, timeout=(TIMEOUT, 30))
        if response.status_code != 200:
            raise Failed(_explain(response))
        return response

    def _url(self, path: str) -> str:
        return f"{self.base_url}/api/v1{path}"

    def _data(self, response: requests.Response) -> Any:
        if not response.ok:
            raise Failed(_explain(response))
        return response.json()["data"] if response.content else None


def _explain(response: requests.Response) -> str:
    """The problem document in a line."""
    request = response.request
    try:
        problem = response.json()
        said = f"{problem.get('code')}: {problem.get('detail')} (request {problem.get('requestId')})"
    except ValueError:
        said = response.text[:200]
    return f"{request.method} {request.url} answered {response.status_code}, {said}"
