"""The services of Heidi. They share one layout, and none imports another."""

from heidi_common.config.service_registry import SERVICES

__all__ = ["SERVICES"]
