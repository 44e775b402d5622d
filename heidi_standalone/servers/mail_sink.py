"""A mail server that delivers nothing: it stores e-mails in a Maildir.

Run it with `python -m heidi_standalone.servers.mail_sink FOLDER PORT`.
"""

import asyncio
import itertools
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

MAX_BYTES = 10 * 1024 * 1024


class MaildirHandler:
    """Stores each e-mail as `new/<time>.<process>_<count>.heidi`.

    Source: https://cr.yp.to/proto/maildir.html
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = itertools.count()
        for name in ("tmp", "new", "cur"):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Store an e-mail. An error, such as a full disk, is a temporary failure (452), so that the sender retries."""
        name = f"{time.time_ns()}.{os.getpid()}_{next(self.numbers)}.heidi"
        try:
            self._write(name, envelope)
        except OSError as error:
            return f"452 {error.strerror}"
        return f"250 {name}"

    def _write(self, name: str, envelope: Envelope) -> None:
        """Write to `tmp` first, so that `new` contains complete e-mails only. No fsync: it is for development."""
        recipients = "".join(f"Delivered-To: {recipient}\r\n" for recipient in envelope.rcpt_tos)
        content: Any = envelope.content
        unfinished = self.folder / "tmp" / name
        unfinished.write_bytes(f"Return-Path: <{envelope.mail_from}>\r\n{recipients}".encode() + content)
        unfinished.rename(self.folder / "new" / name)


async def serve(folder: Path, port: int) -> None:
    """Accept e-mails until SIGTERM or SIGINT."""
    loop, maildir, stop = asyncio.get_running_loop(), MaildirHandler(folder), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(
        lambda: SMTP(maildir, data_size_limit=MAX_BYTES, enable_SMTPUTF8=True, hostname="heidi"), "127.0.0.1", port
    )
    await stop.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
