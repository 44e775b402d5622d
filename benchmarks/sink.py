"""A mail server that takes every mail and notes when: ``python -m benchmarks.sink PORT FILE``, a line for each mail.

The one of `flask up` files each mail into a Maildir and costs a tenth of all the work that a mail makes.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import IO


class Conversation(asyncio.Protocol):
    """SMTP (RFC 5321) as far as a client needs it to hand over a mail."""

    def __init__(self, file: IO[str]) -> None:
        self.file, self.waiting, self.in_data = file, b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while self._step():
            pass

    def _step(self) -> bool:
        """Deal with one command or one mail; False when it is not all there yet."""
        end = b"\r\n.\r\n" if self.in_data else b"\r\n"
        found, mark, rest = self.waiting.partition(end)
        if not mark:
            return False
        self.waiting = rest
        self.transport.write(self._taken() if self.in_data else self._answer(found[:4].upper()))
        return True

    def _taken(self) -> bytes:
        self.in_data = False
        self.file.write(f"{time.time()}\n")
        self.file.flush()
        return b"250 taken\r\n"

    def _answer(self, command: bytes) -> bytes:
        if command == b"QUIT":
            self.transport.close()
            return b"221 bye\r\n"
        self.in_data = command == b"DATA"
        return b"354 go on\r\n" if self.in_data else b"250 sink\r\n"


async def serve(port: int, path: Path) -> None:
    with path.open("a") as file:
        server = await asyncio.get_running_loop().create_server(lambda: Conversation(file), "127.0.0.1", port)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
