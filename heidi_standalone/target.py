"""The platform that `make run` has started. HEIDI_HOME locates it; that folder contains its port."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import requests
from dotenv import dotenv_values

from heidi_common.config.declaration import read_one
from heidi_common.config.sections.processes import LocalPlatform, home_folder
from heidi_standalone.api_client import ApiClient, StepFailed


@dataclass(frozen=True)
class RunningPlatform:
    """The URL and the folder of a running platform."""

    base_url: str
    home: Path

    @classmethod
    def from_env(cls) -> RunningPlatform:
        """Locate the platform by HEIDI_HOME, and its port by HEIDI_PORT or the folder's `env` file."""
        home = home_folder()
        stored = {name: value for name, value in dotenv_values(home / "env").items() if value}
        port = read_one(LocalPlatform, "router_port", os.environ, stored)
        return cls(f"http://127.0.0.1:{port}", home)

    def admin_credentials(self) -> tuple[str, str]:
        """Read the administrator's e-mail address and password.

        Raises:
            StepFailed: The platform has not been started in this folder, or the file is damaged.
        """
        file = self.home / "admin.txt"
        if not file.exists():
            raise StepFailed(
                f"{file} does not exist. Start the platform with `make run`, which stores the password there."
            )
        lines = file.read_text(errors="replace").strip("\0").splitlines()
        if len(lines) < 2:
            raise StepFailed(
                f"{file} is damaged. Create another administrator (`flask -e {self.home}/env users create-admin "
                "ADDRESS`) and write its address and password into the file, a line each."
            )
        return lines[0], lines[1]

    def admin_client(self) -> ApiClient:
        """Sign the administrator in."""
        return ApiClient(self.base_url).sign_in(*self.admin_credentials())

    def explain(self, error: Exception) -> str:
        """Describe an error in one line."""
        if isinstance(error, requests.ConnectionError):
            return f"Cannot reach {self.base_url}. Is the platform running (`make run`)?"
        return f"The response does not contain {error}." if isinstance(error, KeyError) else str(error)
