"""The environment of a standalone platform: its settings, and what a process needs from the system; nothing else.

Variables that other programs read (PG*, PIP_*, GUNICORN_CMD_ARGS, PYTHON*, FLASK_*, proxies ...) would change how the
platform behaves, depending on the shell that starts it. A list of these would never be complete, so that variables
must be on this list to be passed on.
"""

from collections.abc import Mapping

from heidi_common.config.declaration import declarations
from heidi_common.config.sections.processes import LocalPlatform, WebProcess
from heidi_common.config.settings import Settings

SYSTEM = {
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TERM", "NO_COLOR",
    "SSL_CERT_FILE", "SSL_CERT_DIR",  # certificate authorities of outgoing calls
    "LD_LIBRARY_PATH", "LD_PRELOAD",  # without them the interpreter or its libraries may not load
    "SUDO_UID",
}  # fmt: skip
PREFIXES = ("HEIDI_", "OTEL_", "COVERAGE_", "FAKETIME")
OWN = {"HEIDI_SERVICE", "BIND", "PROMETHEUS_MULTIPROC_DIR"}
"""Settings that the platform itself sets for each of its processes."""
FIXED = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "FLASK_SKIP_DOTENV": "1"}
"""Text is UTF-8, whatever the shell uses. A `.env` file is for docker compose."""


def platform_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Select the variables that concern the platform.

    Args:
        environ: The environment of the caller.
    """
    allowed = SYSTEM | setting_names()
    kept = {name: value for name, value in environ.items() if name in allowed or _has_prefix(name)}
    return kept | FIXED


def setting_names() -> set[str]:
    """The variables of the settings that a caller can set, and those that name files with their values."""
    declared = [item for kind in (Settings, WebProcess, LocalPlatform) for item in declarations(kind).values()]
    return {name for item in declared for name in (item.variable, f"{item.variable}_FILE")} - OWN


def _has_prefix(name: str) -> bool:
    return name.startswith(PREFIXES) and name not in OWN
