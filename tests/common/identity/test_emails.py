"""Which texts are accepted as e-mail addresses."""

from __future__ import annotations

import pytest

from heidi_common.identity.emails import normalise_email


@pytest.mark.parametrize("local", ["a" * 64, "ü" * 32])
def test_a_local_part_of_64_bytes_is_accepted(local: str) -> None:
    assert normalise_email(f"{local}@example.test") == f"{local}@example.test"


@pytest.mark.parametrize("local", ["a" * 65, "ü" * 33])
def test_a_longer_local_part_is_rejected(local: str) -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        normalise_email(f"{local}@example.test")
