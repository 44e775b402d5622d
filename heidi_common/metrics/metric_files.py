"""The files in which the processes of a service share their metrics, made to survive a full disk and a power failure.

prometheus_client maps files that have holes: if a hole cannot be filled, because the disk is full, the process that
writes to it is killed by SIGBUS. It also fails for all files if it cannot read one.
"""

from __future__ import annotations

import logging
import mmap
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prometheus_client import mmap_dict, values
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from heidi_common.server.disk_guard import allocate

log = logging.getLogger(__name__)
UNREADABLE = (OSError, ValueError, LookupError, TypeError, RuntimeError, struct.error)
"""What prometheus_client raises for a file that is empty, cut or overwritten."""


class AllocatedDict(mmap_dict.MmapedDict):
    """A file of metrics whose space is allocated before it is mapped.

    Without space the values are kept in the memory of the process: it works on, but its metrics are not shown.
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode and not _is_allocated(filename):
            filename = os.devnull
        if filename == os.devnull:
            self._map_memory(mmap_dict._INITIAL_MMAP_SIZE)
            self._fname, self._positions = filename, {}
            self._used = 8
            mmap_dict._pack_integer(self._m, 0, self._used)  # type: ignore[no-untyped-call]
        else:
            super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        """Allocate what the value needs, before prometheus_client extends the file by a hole."""
        needed = self._used + len(key.encode()) + 64
        while needed > self._capacity:
            size = self._capacity * 2
            if self._f is None or not _allocate(self._f.fileno(), size):
                self._map_memory(size)
            else:
                self._capacity, self._m = size, mmap.mmap(self._f.fileno(), size)
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _map_memory(self, size: int) -> None:
        """Continue in memory, with the values so far."""
        previous, file = getattr(self, "_m", None), getattr(self, "_f", None)
        self._f: Any = None
        self._m, self._capacity = mmap.mmap(-1, size), size
        if previous is not None:
            self._m[: self._used] = previous[: self._used]
        if file is not None:
            file.close()


class ReadableFilesCollector(MultiProcessCollector):
    """Leaves out files that cannot be read, such as empty ones."""

    def collect(self) -> Iterable[Metric]:
        files = [str(file) for file in Path(self._path).glob("*.db")]
        try:
            return _merge(files)
        except UNREADABLE:
            return _merge([file for file in files if _is_readable(file)])


def use_allocated_files() -> None:
    """Let prometheus_client use `AllocatedDict`. It has no setting for that."""
    values.MmapedDict = AllocatedDict  # type: ignore[attr-defined]


def _merge(files: list[str]) -> list[Metric]:
    return list(MultiProcessCollector.merge(files, accumulate=True))  # type: ignore[no-untyped-call]


def _is_readable(file: str) -> bool:
    try:
        with Path(file).open("rb") as content:
            (used,) = struct.unpack("i", content.read(4))
        if not 0 <= used <= Path(file).stat().st_size:
            raise ValueError("its length is wrong")
        _merge([file])
    except UNREADABLE as error:
        log.warning("a file of metrics cannot be read", extra={"file": file, "error": repr(error)})
        return False
    return True


def _is_allocated(filename: str) -> bool:
    """Create a file, or extend an empty one. One that cannot be read any more is emptied first."""
    try:
        with Path(filename).open("a+b") as file:
            if file.tell() and not _is_readable(filename):
                file.truncate(0)
            size = max(os.fstat(file.fileno()).st_size, mmap_dict._INITIAL_MMAP_SIZE)
            return _allocate(file.fileno(), size)
    except OSError:
        return False


def _allocate(descriptor: int, size: int) -> bool:
    try:
        allocate(descriptor, size)
    except OSError as error:
        log.warning("no space for metrics", extra={"error": repr(error)})
        return False
    return True
