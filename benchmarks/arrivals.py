"""Reads the file of the mail sink while it grows."""

from __future__ import annotations

from pathlib import Path


class Arrivals:
    """The e-mails that arrived after the creation of this object.

    Attributes:
        times: Seconds since the epoch, in the order of arrival.
        recipients: The address of each of these e-mails.
    """

    def __init__(self, file: Path) -> None:
        self.file, self.position = file, file.stat().st_size
        self.times: list[float] = []
        self.recipients: list[str] = []

    def update(self) -> int:
        """Read the new lines; returns the number of e-mails so far."""
        with self.file.open() as lines:
            lines.seek(self.position)
            complete, newline, _ = lines.read().rpartition("\n")
        self.position += len(complete) + len(newline)
        for line in complete.splitlines():
            time, _, recipient = line.partition(" ")
            self.times.append(float(time))
            self.recipients.append(recipient)
        return len(self.times)
