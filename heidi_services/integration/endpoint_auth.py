"""How the platform authenticates at an endpoint behind a gateway, besides the signature of each webhook."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from heidi_common.http_client.client_certificates import ClientCertificate
from heidi_common.schemas.fields import iso

TYPES = ("bearer", "basic", "headers", "oauth2", "mtls")
REQUIRED = {
    "bearer": ("token",),
    "basic": ("username", "password"),
    "headers": ("headers",),
    "oauth2": ("token_url", "client_id"),
    "mtls": ("client_certificate",),
}
"""The members that each type needs. A certificate can be added to every type."""
ALLOWED = REQUIRED | {"oauth2": ("token_url", "client_id", "client_secret", "client_auth", "scope", "audience")}


@dataclass(frozen=True, kw_only=True)
class EndpointAuth:
    """The stored authentication of an endpoint. The members are those of the API."""

    type: str
    token: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    token_url: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    client_auth: str = "basic"
    scope: str | None = None
    audience: str | None = None
    client_certificate: str | None = None
    client_key: str | None = field(default=None, repr=False)

    @property
    def certificate(self) -> ClientCertificate | None:
        if self.client_certificate is None or self.client_key is None:
            return None
        return ClientCertificate(self.client_certificate, self.client_key)

    @property
    def secrets(self) -> list[str]:
        """The values that responses, logs and errors must not contain."""
        values = (self.token, self.password, self.client_secret, self.client_key, *self.headers.values())
        basic = [basic_credentials(self.username or "", self.password)] if self.password else []
        return [value for value in values if value] + basic

    def request_headers(self, access_token: str | None) -> dict[str, str]:
        """The headers that authenticate a request; `access_token` is that of OAuth 2."""
        if self.type == "basic":
            return {"Authorization": f"Basic {basic_credentials(self.username or '', self.password or '')}"}
        token = access_token if self.type == "oauth2" else self.token
        return {"Authorization": f"Bearer {token}"} if token else dict(self.headers)

    def public(self) -> dict[str, Any]:
        """What may be shown: the type, names and addresses, but no secret."""
        shown = {
            "type": self.type,
            "username": self.username,
            "headers": sorted(self.headers) or None,
            "tokenUrl": self.token_url,
            "clientId": self.client_id,
            "scope": self.scope,
            "audience": self.audience,
        }
        if self.certificate is not None:
            parsed = self.certificate.parse()
            shown["certificateSubject"] = parsed.subject.rfc4514_string()
            shown["certificateExpiresAt"] = iso(parsed.not_valid_after_utc)
        return {name: value for name, value in shown.items() if value is not None}


def basic_credentials(username: str, password: str) -> str:
    """User name and password in base64 (RFC 7617)."""
    return base64.b64encode(f"{username}:{password}".encode()).decode()
