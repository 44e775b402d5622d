"""A provider without an account: the recipient says how it goes, so that everything can be tried.

`later` in the address (or a phone number that ends in 0001) fails for now, `never` (0002) fails for good, `gone` (0003)
does not exist, `slow` (0004) takes two seconds, `lost` (0005) is sent but the answer is lost; everything else is sent.
"""

import time
from collections.abc import Callable

from heidi_common.config.settings import Settings
from heidi_services.notification.channels.message import Message, Outcome, Result

_SLOW_SECONDS = 2.0


class SimulatedSender:
    name = "simulated"

    def __init__(self, settings: Settings, client: object = None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    def takes(self, message: Message) -> bool:
        return True

    def send(self, message: Message) -> Result:
        if _says(message, "later", "0001"):
            return Result(Outcome.TEMPORARY, self.name, code="429", error="simulated: try again later", retry_after=2)
        if _says(message, "never", "0002"):
            return Result(Outcome.PERMANENT, self.name, code="400", error="simulated: refused")
        if _says(message, "gone", "0003"):
            return Result(Outcome.PERMANENT, self.name, code="404", error="simulated: no such recipient", dead=True)
        if _says(message, "lost", "0005"):
            return Result(Outcome.AMBIGUOUS, self.name, error="simulated: the answer was lost")
        if _says(message, "slow", "0004"):
            self._sleep(_SLOW_SECONDS)
        return Result(Outcome.SENT, self.name, code="200", provider_id=f"simulated-{message.id}")


def _says(message: Message, word: str, digits: str) -> bool:
    return word in message.recipient.lower() or message.recipient.endswith(digits)
