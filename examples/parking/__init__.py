"""A service beside the platform: car parks with tickets. `docs/building-a-service.md` explains it and how to run it."""

from heidi_common.app import build_app
from heidi_common.config.service_registry import Service
from heidi_common.config.settings import Settings

SERVICE = Service("parking", 3008, "examples.parking", "Car parks and their tickets")


def create_app():  # type: ignore[no-untyped-def]
    return build_app(Settings.from_env(), SERVICE)
