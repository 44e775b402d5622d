"""A provider that needs no account. The recipient's address selects the outcome, so that every path can be tested.

| address contains | phone number ends in | outcome |
|---|---|---|
| later | 0001 | temporary failure |
| never | 0002 | permanent failure |
| gone | 0003 | permanent failure, the recipient does not exist |
| slow | 0004 | sent after two seconds |
| lost | 0005 | sent, but the response is lost |

Messages to every other recipient are sent.
"""

import time
from collections.abc import Callable

from heidi_common.config.settings import Settings
from heidi_services.notification.channels.message import DeliveryOutcome, Message, SendResult
from heidi_services.notification.channels.provider import MessageProvider

_SLOW_SECONDS = 2.0


class SimulatedSender:
    name = "simulated"

    def __init__(self, settings: Settings, client: object = None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    def supports(self, message: Message) -> bool:
        return True

    def send(self, message: Message) -> SendResult:
        if _matches(message, "later", "0001"):
            error = "simulated: try again later"
            return SendResult(DeliveryOutcome.TEMPORARY, self.name, code="429", error=error, retry_after=2)
        if _matches(message, "never", "0002"):
            return SendResult(DeliveryOutcome.PERMANENT, self.name, code="400", error="simulated: rejected")
        if _matches(message, "gone", "0003"):
            error = "simulated: recipient not found"
            return SendResult(DeliveryOutcome.PERMANENT, self.name, code="404", error=error, recipient_gone=True)
        if _matches(message, "lost", "0005"):
            return SendResult(DeliveryOutcome.AMBIGUOUS, self.name, error="simulated: the response was lost")
        if _matches(message, "slow", "0004"):
            self._sleep(_SLOW_SECONDS)
        return SendResult(DeliveryOutcome.SENT, self.name, code="200", provider_id=f"simulated-{message.id}")


def _matches(message: Message, keyword: str, digits: str) -> bool:
    return keyword in message.recipient.lower() or message.recipient.endswith(digits)


PROVIDER = MessageProvider(
    name=SimulatedSender.name,
    title="Simulated",
    channels=("EMAIL", "SMS", "PUSH"),
    create_sender=SimulatedSender,
)
