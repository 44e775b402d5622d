"""Throttling of failed sign-ins and similar attempts.

Failures are counted for what the client has submitted, whether or not such an account exists; all spellings of an
address that find the same account share a counter. `throttle_counters.py`
stores the counters, also while Redis is unavailable.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from heidi_common.audit.fingerprint import fingerprint, fingerprints
from heidi_common.identity import throttle_counters
from heidi_common.identity.emails import casefolded
from heidi_common.identity.throttle_counters import Window
from heidi_common.problems import TooMany
from heidi_common.runtime import current_settings


@dataclass(frozen=True)
class ThrottleLimit:
    """A limit of attempts in a window that begins with the first attempt.

    Attributes:
        key: The name of the counter, which must not contain personal data.
        max_count: The number of attempts that are allowed in a window.
        seconds: The length of the window.
    """

    key: str
    max_count: int
    seconds: int


def pair_limit(subject: str, address: str) -> ThrottleLimit:
    """Failures for one account from one IP address."""
    return _pair_limit(fingerprint(f"{casefolded(subject)} {address}"))


def address_limit(address: str) -> ThrottleLimit:
    """Failures from one IP address, for any account."""
    return _address_limit(fingerprint(address))


def account_limit(subject: str) -> ThrottleLimit:
    """Failures for one account from all IP addresses. It is a soft limit: known addresses are still accepted."""
    return _account_limit(fingerprint(casefolded(subject)))


def second_factor_limit(user_id: UUID) -> ThrottleLimit:
    """Wrong codes of one user who has already entered the correct password."""
    return _failure_limit(f"code:{user_id}", current_settings().throttle_pair_failures)


def registration_limit(address: str) -> ThrottleLimit:
    """Registrations from one IP address per minute."""
    return ThrottleLimit(f"register:{fingerprint(address)}", current_settings().throttle_registrations_per_minute, 60)


def password_reset_limit(address: str) -> ThrottleLimit:
    """Requests of password resets from one IP address per minute."""
    return ThrottleLimit(f"forgot:{fingerprint(address)}", current_settings().throttle_registrations_per_minute, 60)


def email_limit(subject: str, address: str) -> ThrottleLimit:
    """E-mails to one recipient that one IP address requests per hour.

    The limit is for the pair, so that an attacker cannot use up the e-mails of a victim.
    """
    key = fingerprint(f"{casefolded(subject)} {address}")
    return ThrottleLimit(f"mails:{key}", current_settings().throttle_mails_per_hour, 3600)


def _pair_limit(pair: str) -> ThrottleLimit:
    return _failure_limit(f"pair:{pair}", current_settings().throttle_pair_failures)


def _address_limit(address: str) -> ThrottleLimit:
    return _failure_limit(f"address:{address}", current_settings().throttle_address_failures)


def _account_limit(account: str) -> ThrottleLimit:
    return _failure_limit(f"account:{account}", current_settings().throttle_account_failures)


def _failure_limit(key: str, max_count: int) -> ThrottleLimit:
    return ThrottleLimit(key, max_count, current_settings().throttle_window_seconds)


@dataclass(frozen=True)
class ThrottleStatus:
    """The counters that `check` has read.

    Attributes:
        failures: The sum of the counts of all limits except the soft one.
        soft_limit_reached: Whether the soft limit is reached.
    """

    failures: int
    soft_limit_reached: bool


class SignInThrottle:
    """The limits of one attempt to sign in with a password: for the account from this address, for the address, and
    (softly) for the account.

    Args:
        subject: The account that the client names.
        address: The client's IP address.

    Raises:
        TooMany: A limit is reached.
    """

    def __init__(self, subject: str, address: str) -> None:
        subject = casefolded(subject)
        pair, by_address, account = fingerprints(f"{subject} {address}", address, subject)
        self._limits = _pair_limit(pair), _address_limit(by_address)
        self._soft = _account_limit(account)
        check(*self._limits)

    def recheck(self) -> ThrottleStatus:
        """Check again, and report whether the soft limit is reached. Raises TooMany."""
        return check(*self._limits, soft=self._soft)

    def count_failure(self) -> None:
        """Count a failure for each limit."""
        count(*self._limits, self._soft)

    def reset_failures(self) -> None:
        """Delete the counter of the account from this address, after its password was correct."""
        reset(self._limits[0])


class SecondFactorThrottle:
    """The limits of one answer to a challenge: failures from this IP address, then wrong codes of the user.

    Args:
        address: The client's IP address.

    Raises:
        TooMany: The limit of the address is reached.
    """

    def __init__(self, address: str) -> None:
        self._limits: tuple[ThrottleLimit, ...] = (address_limit(address),)
        check(*self._limits)

    def add_user(self, user_id: UUID) -> None:
        """Check and from now on count the user's limit too. Raises TooMany."""
        user_limit = second_factor_limit(user_id)
        check(user_limit)
        self._limits = (user_limit, *self._limits)

    def count_failure(self) -> None:
        """Count a failure for each limit."""
        count(*self._limits)


def check(*limits: ThrottleLimit, soft: ThrottleLimit | None = None) -> ThrottleStatus:
    """Read the counters without counting.

    Args:
        limits: The limits to enforce.
        soft: A limit that is only reported.

    Raises:
        TooMany: One of the limits is reached. Retry-After is the rest of its window.
    """
    counts = throttle_counters.read([limit.key for limit in (*limits, *([soft] if soft else ()))])
    for limit, reached in zip(limits, counts, strict=False):
        if reached >= limit.max_count:
            raise _too_many(limit)
    return ThrottleStatus(sum(counts[: len(limits)]), soft is not None and counts[-1] >= soft.max_count)


def count(*limits: ThrottleLimit) -> None:
    """Count one failure for each limit."""
    throttle_counters.increment([Window(limit.key, limit.seconds) for limit in limits])


def count_or_reject(limit: ThrottleLimit) -> None:
    """Count one attempt.

    Raises:
        TooMany: The attempt exceeds the limit.
    """
    count(limit)
    if throttle_counters.read([limit.key])[0] > limit.max_count:
        raise _too_many(limit)


def reset(*limits: ThrottleLimit) -> None:
    """Delete the counters after a success."""
    throttle_counters.delete_counters([limit.key for limit in limits])


def _too_many(limit: ThrottleLimit) -> TooMany:
    seconds = max(1, throttle_counters.seconds_left(limit.key))
    problem = TooMany("Too many attempts. Try again later.", code="throttled", retry_after=seconds)
    problem.headers["RateLimit"] = f"limit={limit.max_count}, remaining=0, reset={seconds}"
    return problem
