"""The machine on which the benchmarks were run."""

import os
import platform
import subprocess
from pathlib import Path


def about() -> dict[str, str]:
    """Describe the machine, the system and the commit."""
    cpu = [line.partition(":")[2].strip() for line in _read("/proc/cpuinfo").splitlines() if "model name" in line]
    memory = next((line.split()[1] for line in _read("/proc/meminfo").splitlines() if "MemTotal" in line), "0")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "machine": f"{os.cpu_count()} x {cpu[0] if cpu else platform.processor()}, {int(memory) / 1024**2:.0f} GB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "commit": commit.stdout.strip() or "unknown",
    }


def load() -> float:
    """Return the load average of the last minute."""
    return os.getloadavg()[0]


def _read(path: str) -> str:
    file = Path(path)
    return file.read_text() if file.exists() else ""
