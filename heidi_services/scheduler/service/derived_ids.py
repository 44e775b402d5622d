"""IDs that are derived from what they identify, so that two processes that see the same slot mean the same row."""

import hashlib
from datetime import datetime
from uuid import UUID


def derived_id(*parts: object, at: datetime) -> UUID:
    """Derive an ID. The same parts always give the same ID.

    Args:
        parts: What the ID identifies; their text is hashed.
        at: The time in the ID, which has the form of a UUIDv7 and so sorts by time.
    """
    digest = int.from_bytes(hashlib.sha256("\n".join(map(str, parts)).encode()).digest()[:10])
    milliseconds = int(at.timestamp() * 1000) & (1 << 48) - 1
    bits = milliseconds << 80 | digest
    bits = bits & ~(0xF << 76) | 0x7 << 76
    return UUID(int=bits & ~(0x3 << 62) | 0x2 << 62)


def execution_id(run_id: UUID, reruns: int, *, at: datetime) -> UUID:
    """The ID by which receivers recognize a run: its own one, and another after each time it was queued again."""
    return derived_id(run_id, "rerun", reruns, at=at) if reruns else run_id
