"""A REST client with a base URL and a token. Its error describes the platform's response."""

from __future__ import annotations

from typing import Any

import requests

TIMEOUT_SECONDS = 20


class StepFailed(Exception):
    """A step of the demonstration or of the sample data failed. The text says why."""


class ApiClient:
    """Calls endpoints under `/api/v1` and returns the `data` of their responses."""

    def __init__(self, base_url: str, token: str | None = None) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        self.session.trust_env = False
        if token is not None:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def sign_in(self, email: str, password: str) -> ApiClient:
        """Sign a user in; return a client with their token."""
        tokens = self.post("/auth/login", {"email": email, "password": password})
        if "accessToken" not in tokens:
            raise StepFailed(f"{email} has a second factor, which this client does not support.")
        return ApiClient(self.base_url, tokens["accessToken"])

    def get(self, path: str, **query: Any) -> Any:
        return self._data(self.session.get(self._url(path), params=query, timeout=TIMEOUT_SECONDS))

    def post(self, path: str, body: object = None, *, idempotency_key: str | None = None) -> Any:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._data(self.session.post(self._url(path), json=body, headers=headers, timeout=TIMEOUT_SECONDS))

    def post_raw(self, path: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        """Send bytes unchanged and without a token, for signed webhooks."""
        url = self._url(path)
        try:
            return requests.post(url, data=body, headers=headers, timeout=TIMEOUT_SECONDS)
        except requests.ConnectionError:
            raise StepFailed(f"Cannot reach {url}.") from None

    def stream(self, path: str) -> requests.Response:
        """Open an event stream."""
        response = self.session.get(self._url(path), stream=True, timeout=(TIMEOUT_SECONDS, 30))
        if response.status_code != 200:
            raise StepFailed(_explain(response))
        return response

    def _url(self, path: str) -> str:
        return f"{self.base_url}/api/v1{path}"

    def _data(self, response: requests.Response) -> Any:
        if not response.ok:
            raise StepFailed(_explain(response))
        return response.json()["data"] if response.content else None


def _explain(response: requests.Response) -> str:
    """Describe a problem document in one line."""
    request = response.request
    try:
        problem = response.json()
        reason = f"{problem.get('code')}: {problem.get('detail')} (request {problem.get('requestId')})"
    except ValueError:
        reason = response.text[:200]
    return f"{request.method} {request.url} returned {response.status_code}, {reason}"
