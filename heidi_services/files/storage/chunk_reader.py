"""Chunks as a file object that can be read once."""

from __future__ import annotations

from collections.abc import Iterable


class ChunkReader:
    """Reads from chunks. boto3 needs `read` only, since the size is unknown."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = bytearray()

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes, fewer only at the end; all without a size."""
        while size < 0 or len(self._rest) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._rest += chunk
        end = len(self._rest) if size < 0 else size
        data = bytes(self._rest[:end])
        del self._rest[:end]
        return data
