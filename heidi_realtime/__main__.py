"""Serve WebSockets until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import sys

from heidi_common.app import build_app
from heidi_common.config.sections.processes import WebProcess
from heidi_common.config.service_registry import REALTIME
from heidi_common.config.settings import ConfigError, Settings
from heidi_realtime.server import RealtimeServer


def main() -> int:
    try:
        process, settings = WebProcess.from_env(), Settings.from_env()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    host, _, port = (process.bind or f"127.0.0.1:{REALTIME.port}").rpartition(":")
    server = RealtimeServer(build_app(settings, REALTIME), settings, grace_seconds=process.graceful_timeout)
    asyncio.run(server.run(host.strip("[]"), int(port)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
