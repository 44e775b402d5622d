"""The platform that `make demo` and `flask seed` use."""

from pathlib import Path

import pytest

from heidi_standalone.api_client import StepFailed
from heidi_standalone.target import RunningPlatform


def test_another_terminal_reads_the_port_from_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEIDI_HOME", str(tmp_path))
    monkeypatch.delenv("HEIDI_PORT", raising=False)
    assert RunningPlatform.from_env().base_url == "http://127.0.0.1:8080"
    (tmp_path / "env").write_text("HEIDI_PORT='18080'\n")
    assert RunningPlatform.from_env().base_url == "http://127.0.0.1:18080"
    monkeypatch.setenv("HEIDI_PORT", "28080")
    assert RunningPlatform.from_env().base_url == "http://127.0.0.1:28080"


@pytest.mark.parametrize(
    "content", [b"", bytes(40), b"admin@heidi.local\n", b"\n"], ids=["empty", "zeros", "cut", "blank"]
)
def test_a_damaged_password_file_is_named_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "admin.txt").write_bytes(content)
    with pytest.raises(StepFailed, match=r"admin\.txt is damaged.*create-admin"):
        RunningPlatform("http://127.0.0.1:8080", tmp_path).admin_credentials()
