"""Settings of secrets, networks and HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from heidi_common.config.declaration import setting
from heidi_common.config.parsers import Network, encryption_keys, natural, networks, positive, random_secret, words


@dataclass(frozen=True, kw_only=True)
class Security:
    """Security."""

    secret_key: str = setting(
        "SECRET_KEY",
        parse=random_secret,
        in_repr=False,
        help="32 random characters or more, the same for all services. It signs cursors, unsubscribe links, links to "
        "files and the calls between services.",
    )
    encryption_keys: tuple[str, ...] = setting(
        "ENCRYPTION_KEYS",
        parse=encryption_keys,
        in_repr=False,
        help="Keys of 32 bytes in base64, separated by commas. Stored credentials are encrypted with the first key and "
        "decrypted with any of them.",
    )
    jwt_public_keys: str = setting(
        "JWT_PUBLIC_KEYS",
        in_repr=False,
        help="The JWKS with which all services verify tokens: JSON, the path of a file, or a URL.",
    )
    jwt_private_keys: str | None = setting(
        "JWT_PRIVATE_KEYS",
        default=None,
        in_repr=False,
        help="The JWKS with the signing keys: JSON or the path of a file. Set it for the auth service only.",
    )
    jwt_issuer: str = setting("JWT_ISSUER", default="heidi", help="The claim `iss` of tokens.")
    jwt_audience: str = setting("JWT_AUDIENCE", default="heidi", help="The claim `aud` of tokens.")
    outbound_allow_nets: tuple[Network, ...] = setting(
        "OUTBOUND_ALLOW_NETS",
        parse=networks,
        default=(),
        help="Networks, separated by commas, that outgoing calls may reach although they are not public.",
    )
    trusted_proxies: tuple[Network, ...] = setting(
        "TRUSTED_PROXIES",
        parse=networks,
        default=(ip_network("127.0.0.0/8"),),
        help="Networks, separated by commas, of the proxies whose `X-Forwarded-For` the services trust: those of the "
        "router. Under `make run` it names the proxies in front of the router.",
    )


@dataclass(frozen=True, kw_only=True)
class Http:
    """HTTP."""

    cors_origins: tuple[str, ...] = setting(
        "CORS_ORIGINS", parse=words, default=(), help="Allowed origins of browser applications, separated by commas."
    )
    request_time_limit: int = setting(
        "REQUEST_TIME_LIMIT", parse=positive, default=30, help="Seconds after which a request is aborted."
    )
    max_body_bytes: int = setting(
        "MAX_BODY_BYTES", parse=positive, default=1024 * 1024, help="Maximum size of a request body."
    )
    max_webhook_bytes: int = setting(
        "MAX_WEBHOOK_BYTES",
        parse=positive,
        default=5 * 1024 * 1024,
        help="Maximum size of a webhook or delivery receipt of a provider, if it is larger than `MAX_BODY_BYTES`.",
    )


@dataclass(frozen=True, kw_only=True)
class RouterSettings:
    """Router.

    The router also follows `PUBLIC_BASE_URL`, `THROTTLE_ADDRESS_PER_MINUTE`, `MAX_BODY_BYTES`,
    `MAX_WEBHOOK_BYTES` and `REQUEST_TIME_LIMIT`.
    """

    router_trusted_proxies: tuple[Network, ...] = setting(
        "ROUTER_TRUSTED_PROXIES",
        parse=networks,
        default=(),
        help="Networks, separated by commas, of the proxies in front of the router whose `X-Forwarded-For` it trusts. "
        "`make run` takes them from `TRUSTED_PROXIES` if this is unset.",
    )
    router_connections: int = setting(
        "ROUTER_CONNECTIONS",
        parse=natural,
        default=200,
        help="Connections from an IP address at the same time, event streams included. 0: no limit.",
    )
    hsts_seconds: int = setting(
        "HSTS_SECONDS",
        parse=natural,
        default=31_536_000,
        help="`max-age` of the header `Strict-Transport-Security`, which the router sends if it terminates TLS, or if "
        "`PUBLIC_BASE_URL` begins with `https://`. 0: not sent.",
    )
