"""Where this was measured."""

import os
import platform
import subprocess
from pathlib import Path


def about() -> dict[str, str]:
    """Words for the table's head."""
    cpu = [line.partition(":")[2].strip() for line in _read("/proc/cpuinfo").splitlines() if "model name" in line]
    memory = next((line.split()[1] for line in _read("/proc/meminfo").splitlines() if "MemTotal" in line), "0")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "machine": f"{os.cpu_count()} x {cpu[0] if cpu else platform.processor()}, {int(memory) / 1024**2:.0f} GB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "commit": commit.stdout.strip() or "unknown",
    }


def load() -> float:
    """How busy the machine was with other things in the last minute."""
    return os.getloadavg()[0]


def _read(path: str) -> str:
    found = Path(path)
    return found.read_text() if found.exists() else ""
