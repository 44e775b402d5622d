"""DKIM signatures of e-mails.

Source: RFC 6376; the choice of header fields follows section 5.4.1. Those that occur once are named once more than they
occur, so that a second From or Subject cannot be added to a signed e-mail.
"""

from __future__ import annotations

from heidi_services.notification.channels.email_options import DkimKey

_SIGNED = ("From", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type")
_FURTHER = ("List-Unsubscribe", "List-Unsubscribe-Post", "Auto-Submitted")


def sign_email(mail: bytes, key: DkimKey) -> bytes:
    """Put a DKIM signature in front of an e-mail.

    Args:
        mail: The e-mail with CRLF line ends.
        key: The key of the domain in From.
    """
    import dkim  # here: it takes a twentieth of the time in which a command starts, as it brings a client of DNS

    names = [name.encode() for name in (*_SIGNED, *_SIGNED, *_FURTHER)]
    signature: bytes = dkim.sign(
        mail,
        key.selector.encode(),
        key.domain.encode(),
        key.private_key,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=names,
    )
    return signature + mail
