"""Why a program has failed: the relevant last lines of its log.

The last line alone rarely says it: gunicorn ends with "Worker failed to boot", PostgreSQL with "database system is shut
down", a traceback with the line of a wrapper.
"""

import json
import re
from pathlib import Path

TAIL_BYTES = 64 * 1024
MAX_LINES = 8
MAX_LINE_LENGTH = 500
SIGNS = re.compile(
    r"\b(fatal|panic|emerg|alert|crit|critical|error|exception|failed|failure|cannot|can't|could not|unable|denied"
    r"|invalid|bad|corrupt\w*|no space|no such|not permitted|already in use|missing|unrecognized|unknown|unexpected"
    r"|not one of|must be|wrong|too (long|large|small|many|few))\b|[a-z](Error|Exception)\b|^>>> ",
    re.IGNORECASE,
)
CONSEQUENCES = re.compile(
    r"worker failed to boot|app failed to load|shutting down|database system is shut down|exited|aborting startup"
    r"|exiting now|spawned worker|retrying in|terminated by signal",
    re.IGNORECASE,
)
"""Lines that look like a cause, but only report what followed from it."""
TRACEBACK = "Traceback (most recent call last):"


def find_cause(text: str) -> str:
    """Select the lines of a log that say why its program has failed.

    Args:
        text: The log, or its end.

    Returns:
        At most `MAX_LINES` lines in their order, without repetitions; the last lines if none looks like a cause.
    """
    lines = [_readable(line) for line in _without_frames(text.splitlines()) if line.strip()]
    causes = [line for line in lines if SIGNS.search(line) and not CONSEQUENCES.search(line)]
    latest = list(dict.fromkeys(reversed(causes or lines[-MAX_LINES:])))[:MAX_LINES]
    return "\n".join(line[:MAX_LINE_LENGTH] for line in reversed(latest))


def cause_in(log: Path, other_output: str = "") -> str:
    """Describe a failure by the end of a log file, for an error message.

    Args:
        log: The file.
        other_output: What the program has written elsewhere.

    Returns:
        One line, or several that are indented; with the path of the file.
    """
    cause = find_cause(tail(log) + other_output)
    separator, indented = ("\n    ", cause.replace("\n", "\n    ")) if "\n" in cause else ("", cause)
    return f"{separator}{indented or 'its log is empty'}{chr(10) if separator else ' '}(full log: {log})"


def tail(log: Path) -> str:
    """Read the end of a log file; empty if it does not exist."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return file.read().decode(errors="replace")


def _without_frames(lines: list[str]) -> list[str]:
    """Leave out the frames of tracebacks, but keep their exceptions."""
    kept, inside = [], False
    for line in lines:
        inside = line.strip() == TRACEBACK or (inside and line.startswith((" ", "\t")))
        if not inside:
            kept.append(line)
    return kept


def _readable(line: str) -> str:
    """The message of a line of JSON, with the exception that it reports; other lines as they are."""
    try:
        record = json.loads(line)
        level, message = record["level"], record["message"]
    except (ValueError, TypeError, KeyError):
        return line.strip()
    details = [str(record[name]).strip().splitlines()[-1] for name in ("exc_info", "error") if record.get(name)]
    return f"{level}: {': '.join([str(message), *details])}"
