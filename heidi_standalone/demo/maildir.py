"""Looking into the Maildir in which a standalone platform's mail ends."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from heidi_standalone.api_client import Failed


class Maildir:
    """The mails that came since this was made."""

    def __init__(self, folder: Path) -> None:
        self.new = folder / "new"
        if not self.new.is_dir():
            raise Failed(
                f"{self.new} is not there: the demonstration reads the mail of a platform started by `make run`"
            )
        self.seen = set(self.new.iterdir())

    def find(self, recipient: str, subject: str) -> EmailMessage | None:
        """The mail with this recipient and subject, once it is there."""
        for path in sorted(set(self.new.iterdir()) - self.seen):
            mail = message_from_bytes(path.read_bytes(), policy=policy.default)
            if recipient in str(mail["To"]) and mail["Subject"] == subject:
                return mail
        return None
