"""A mail server that accepts every e-mail and records time and recipient: `python -m benchmarks.sink PORT FILE`.

The mail sink of `flask up` stores each e-mail in a Maildir, which takes a tenth of the CPU time of an e-mail.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import IO


class SMTPConnection(asyncio.Protocol):
    """The part of SMTP (RFC 5321) that a client needs to send e-mails."""

    def __init__(self, file: IO[str]) -> None:
        self.file, self.buffer, self.in_data, self.recipient = file, b"", False, ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while self._process_next():
            pass

    def _process_next(self) -> bool:
        """Process one command or one e-mail; returns False if it has not arrived completely."""
        end = b"\r\n.\r\n" if self.in_data else b"\r\n"
        received, separator, rest = self.buffer.partition(end)
        if not separator:
            return False
        self.buffer = rest
        self.transport.write(self._record() if self.in_data else self._reply(received))
        return True

    def _record(self) -> bytes:
        self.in_data = False
        self.file.write(f"{time.time()} {self.recipient}\n")
        self.file.flush()
        return b"250 accepted\r\n"

    def _reply(self, line: bytes) -> bytes:
        command = line[:4].upper()
        if command == b"RCPT":
            self.recipient = line.partition(b"<")[2].partition(b">")[0].decode()
        if command == b"QUIT":
            self.transport.close()
            return b"221 bye\r\n"
        if command == b"EHLO":
            return b"250-sink\r\n250 PIPELINING\r\n"  # as Postfix, Exim and mailpit
        self.in_data = command == b"DATA"
        return b"354 go on\r\n" if self.in_data else b"250 sink\r\n"


async def serve(port: int, path: Path) -> None:
    with path.open("a") as file:
        server = await asyncio.get_running_loop().create_server(lambda: SMTPConnection(file), "127.0.0.1", port)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
