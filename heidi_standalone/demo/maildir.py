"""Read the e-mails that a standalone platform stores in a Maildir."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from heidi_standalone.api_client import StepFailed


class MailReader:
    """Reads the e-mails that arrive after it was created."""

    def __init__(self, folder: Path) -> None:
        self.new = folder / "new"
        if not self.new.is_dir():
            raise StepFailed(
                f"{self.new} does not exist. The demonstration reads the e-mails of a platform started by `make run`."
            )
        self.earlier = set(self.new.iterdir())

    def find(self, recipient: str, subject: str) -> EmailMessage | None:
        """Find an e-mail; None if it has not arrived yet."""
        for path in sorted(set(self.new.iterdir()) - self.earlier):
            mail = message_from_bytes(path.read_bytes(), policy=policy.default)
            if recipient in str(mail["To"]) and mail["Subject"] == subject:
                return mail
        return None
