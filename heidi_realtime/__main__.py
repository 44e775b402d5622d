"""Serve WebSockets until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio

from heidi_common.app import build_app
from heidi_common.config.sections.processes import WebProcess
from heidi_common.config.service_registry import REALTIME
from heidi_common.config.settings import Settings
from heidi_common.startup.process_log import start_logging
from heidi_realtime.server import RealtimeServer


def main() -> None:
    start_logging(REALTIME.name)
    process, settings = WebProcess.from_env(), Settings.from_env()
    host, _, port = (process.bind or f"127.0.0.1:{REALTIME.port}").rpartition(":")
    server = RealtimeServer(build_app(settings, REALTIME), settings, grace_seconds=process.graceful_timeout)
    asyncio.run(server.run(host.strip("[]"), int(port)))


if __name__ == "__main__":
    main()
