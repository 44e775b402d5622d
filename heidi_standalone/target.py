"""Which platform is meant: the one that `make run` has started, by HEIDI_HOME (its port stands there) or HEIDI_PORT."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import requests
from dotenv import dotenv_values

from heidi_common.config.sections.processes import LocalPlatform
from heidi_standalone.api_client import Api, Failed
from heidi_standalone.paths import ROOT
from heidi_standalone.ports import Ports


@dataclass(frozen=True)
class Target:
    base_url: str
    home: Path

    @classmethod
    def from_env(cls) -> Target:
        home = Path(os.environ.get("HEIDI_HOME") or ROOT / LocalPlatform.home)
        port = os.environ.get("HEIDI_PORT") or dotenv_values(home / "env").get("HEIDI_PORT") or Ports.router
        return cls(f"http://127.0.0.1:{port}", home)

    def administrator(self) -> tuple[str, str]:
        """E-mail and password."""
        file = self.home / "admin.txt"
        if not file.exists():
            raise Failed(f"{file} is not there: it holds the administrator's e-mail and password")
        email, password = file.read_text().splitlines()[:2]
        return email, password

    def as_administrator(self) -> Api:
        return Api(self.base_url).signed_in(*self.administrator())

    def explain(self, error: Exception) -> str:
        """What went wrong, in a line."""
        if isinstance(error, requests.ConnectionError):
            return f"{self.base_url} cannot be reached; is the platform running (make run)?"
        return f"the answer lacks {error}" if isinstance(error, KeyError) else str(error)
