"""Which platform `make demo` and `flask seed` talk to."""

from pathlib import Path

import pytest

from heidi_standalone.target import Target


def test_another_terminal_finds_the_port_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEIDI_HOME", str(tmp_path))
    monkeypatch.delenv("HEIDI_PORT", raising=False)
    assert Target.from_env().base_url == "http://127.0.0.1:8080"
    (tmp_path / "env").write_text("HEIDI_PORT='18080'\n")
    assert Target.from_env().base_url == "http://127.0.0.1:18080"
    monkeypatch.setenv("HEIDI_PORT", "28080")
    assert Target.from_env().base_url == "http://127.0.0.1:28080"
