"""The fixtures of core's tests, with which operations call the real services."""

from tests.core.conftest import admin, core_machine, peers

__all__ = ["admin", "core_machine", "peers"]
