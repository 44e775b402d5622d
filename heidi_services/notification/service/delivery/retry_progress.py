"""What the earlier attempts of a delivery have achieved, so that the next attempt does only what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from heidi_services.notification.channels.message import DeliveryOutcome, SendResult

if TYPE_CHECKING:
    from heidi_services.notification.service.delivery.provider_calls import ProviderCall

MAX_AMBIGUOUS = 2
"""A message that a provider may have accepted this often is not sent again: each attempt may deliver a copy."""


@dataclass(frozen=True, slots=True)
class RetryProgress:
    """Stored as JSON in `notifications.retry_progress` after an attempt that is followed by another one.

    Attributes:
        give_up_at: When the retries end; None before the first failure.
        recorded: Attempts whose result was recorded. The others crashed their worker.
        ambiguous: Attempts after which a provider may have accepted the message.
        accepted: Whether a provider has accepted the message for one of the devices.
        devices: The devices that are still to be reached; None: all devices, or the channel has none.
    """

    give_up_at: datetime | None = None
    recorded: int = 0
    ambiguous: int = 0
    accepted: bool = False
    devices: frozenset[UUID] | None = None

    def after(self, calls: Sequence[ProviderCall]) -> RetryProgress:
        """Add the results of one attempt."""
        results = _last_results(calls)
        ambiguous = self.ambiguous + any(result.outcome is DeliveryOutcome.AMBIGUOUS for result in results.values())
        progress = replace(self, recorded=self.recorded + 1, ambiguous=ambiguous)
        retried = frozenset(device for device, result in results.items() if progress.allows_retry(result) and device)
        accepted = self.accepted or any(result.sent for result in results.values())
        return replace(progress, accepted=accepted, devices=retried or None)

    def allows_retry(self, result: SendResult) -> bool:
        return result.retryable and (result.outcome is not DeliveryOutcome.AMBIGUOUS or self.ambiguous < MAX_AMBIGUOUS)

    def is_left(self, calls: Sequence[ProviderCall]) -> bool:
        """Return whether an attempt with these results leaves a recipient that is worth another attempt."""
        return any(map(self.allows_retry, _last_results(calls).values()))

    def as_json(self) -> dict[str, Any]:
        return {
            "giveUpAt": self.give_up_at.isoformat() if self.give_up_at else None,
            "recorded": self.recorded,
            "ambiguous": self.ambiguous,
            "accepted": self.accepted,
            "devices": [str(device) for device in self.devices] if self.devices else None,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any] | None) -> RetryProgress:
        """Return the progress that the column contains; it is NULL before the first failure."""
        if stored is None:
            return cls()
        return cls(
            give_up_at=datetime.fromisoformat(stored["giveUpAt"]) if stored["giveUpAt"] else None,
            recorded=stored["recorded"],
            ambiguous=stored["ambiguous"],
            accepted=stored["accepted"],
            devices=frozenset(map(UUID, stored["devices"])) if stored["devices"] else None,
        )


def _last_results(calls: Sequence[ProviderCall]) -> dict[UUID | None, SendResult]:
    """The result of each target: if its first provider was unreachable, that of the next one."""
    return {call.target.device_id: call.result for call in calls}
