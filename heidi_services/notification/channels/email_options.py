"""The options of an e-mail: its sender, copies, the address for replies, and its signature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DkimKey:
    """The key with which the e-mails of a domain are signed.

    Attributes:
        domain: The domain in ASCII.
        selector: The name of the key in the DNS: `selector._domainkey.domain`.
        private_key: The RSA key in PEM.
    """

    domain: str
    selector: str
    private_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class EmailOptions:
    """Options of an e-mail. Mailboxes are addresses with or without a name: `Ada <ada@example.org>`.

    Attributes:
        sender: The sender; empty: MAIL_FROM.
        reply_to: Where replies go; empty: to the sender.
        cc: Further recipients, whom all recipients see.
        bcc: Further recipients, which the e-mail does not show.
        dkim_key: Signs the e-mail; None: the mail server may sign it.
    """

    sender: str = ""
    reply_to: str = ""
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    dkim_key: DkimKey | None = None

    @property
    def has_copies(self) -> bool:
        """Whether others than the user receive the e-mail."""
        return bool(self.cc or self.bcc)


DEFAULT_OPTIONS = EmailOptions()
