"""What is an e-mail address, and what is none."""

from __future__ import annotations

import pytest

from heidi_common.identity.emails import normalise_email


@pytest.mark.parametrize("local", ["a" * 64, "ü" * 32])
def test_sixty_four_bytes_before_the_at_are_an_address(local: str) -> None:
    assert normalise_email(f"{local}@example.test") == f"{local}@example.test"


@pytest.mark.parametrize("local", ["a" * 65, "ü" * 33])
def test_more_than_sixty_four_bytes_before_the_at_are_none(local: str) -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        normalise_email(f"{local}@example.test")
