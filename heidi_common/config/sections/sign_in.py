"""Settings of sign-in, sessions and rate limits."""

from __future__ import annotations

from dataclasses import dataclass

from heidi_common.config.declaration import setting
from heidi_common.config.parsers import natural, one_of


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """Sign-in."""

    access_token_seconds: int = setting(
        "ACCESS_TOKEN_SECONDS", parse=natural, default=900, help="Lifetime of an access token."
    )
    session_idle_seconds: int = setting(
        "SESSION_IDLE_SECONDS",
        parse=natural,
        default=7 * 86400,
        help="A session ends if it is not refreshed for this long.",
    )
    session_absolute_seconds: int = setting(
        "SESSION_ABSOLUTE_SECONDS",
        parse=natural,
        default=30 * 86400,
        help="A session ends after this time, even if it is in use.",
    )
    auth_registration: str = setting(
        "AUTH_REGISTRATION",
        parse=one_of("open", "verified"),
        default="open",
        help="`open`: a new account can be used immediately. `verified`: the e-mail address must be verified first.",
    )
    password_hasher: str = setting(
        "PASSWORD_HASHER",
        parse=one_of("argon2id", "bcrypt"),
        default="argon2id",
        help="How new passwords are hashed: `argon2id` or `bcrypt` (10 rounds). Hashes of both kinds are verified.",
    )


@dataclass(frozen=True, kw_only=True)
class RateLimits:
    """Rate limits."""

    throttle_address_per_minute: int = setting(
        "THROTTLE_ADDRESS_PER_MINUTE",
        parse=natural,
        default=600,
        help="Requests per minute from one IP address; 0 means no limit.",
    )
    throttle_user_per_minute: int = setting(
        "THROTTLE_USER_PER_MINUTE",
        parse=natural,
        default=1200,
        help="Requests per minute of one user or machine client; 0 means no limit.",
    )
    throttle_window_seconds: int = setting(
        "THROTTLE_WINDOW_SECONDS",
        parse=natural,
        default=900,
        help="The period within which failed sign-ins are counted.",
    )
    throttle_pair_failures: int = setting(
        "THROTTLE_PAIR_FAILURES",
        parse=natural,
        default=10,
        help="Failed sign-ins to one account from one IP address. The limit also applies to wrong second factors.",
    )
    throttle_address_failures: int = setting(
        "THROTTLE_ADDRESS_FAILURES",
        parse=natural,
        default=100,
        help="Failed sign-ins from one IP address, to any account.",
    )
    throttle_account_failures: int = setting(
        "THROTTLE_ACCOUNT_FAILURES",
        parse=natural,
        default=50,
        help="Failed sign-ins to one account from all IP addresses. Beyond it, only known addresses may sign in.",
    )
    throttle_registrations_per_minute: int = setting(
        "THROTTLE_REGISTRATIONS_PER_MINUTE",
        parse=natural,
        default=120,
        help="Registrations per minute from one IP address; password reset requests have a limit of the same size.",
    )
    throttle_mails_per_hour: int = setting(
        "THROTTLE_MAILS_PER_HOUR",
        parse=natural,
        default=20,
        help="Reset and verification e-mails per hour that one IP address may request for one mailbox.",
    )
