"""Files of another user are named, with the command that repairs it, before anything is written."""

import os
import shlex
from pathlib import Path

import pytest

from heidi_standalone.errors import StartupError
from heidi_standalone.home.ownership import check_ownership
from heidi_standalone.servers import service_user, unix_sockets

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
USER, OTHER = 12_345, 23_456


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_uid, path.lstat().st_mtime_ns) for path in (folder, *folder.rglob("*"))}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "a home"
    for name in ("keys", "logs", "postgres", "run"):
        (home / name).mkdir(parents=True)
    (home / "secrets.json").write_text("{}")
    (home / "keys" / "private.json").write_text("{}")
    return home


def give(folder: Path, user: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user)


def become(monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)


@pytest.mark.parametrize("part", [".", "keys", "keys/private.json", "secrets.json", "postgres", "logs"])
@pytest.mark.parametrize("owner", [0, OTHER])
def test_a_user_whose_files_belong_to_another_user_gets_the_command(
    home: Path, monkeypatch: pytest.MonkeyPatch, part: str, owner: int
) -> None:
    give(home, USER)
    os.chown(home / part, owner, owner)
    before = snapshot(home)
    become(monkeypatch, USER)
    with pytest.raises(StartupError) as raised:
        check_ownership(home, {})
    assert f"`sudo chown -R {USER}: {shlex.quote(str(home))}`" in str(raised.value)
    assert "elete" not in str(raised.value)
    assert snapshot(home) == before


@pytest.mark.parametrize("sudo", [{}, {"SUDO_UID": str(USER)}, {"SUDO_UID": str(OTHER)}])
def test_root_does_not_take_over_the_files_of_a_user(home: Path, sudo: dict[str, str]) -> None:
    give(home, USER)
    with pytest.raises(StartupError, match=f"belongs to {USER}.*without sudo.*`chown -R root: "):
        check_ownership(home, sudo)


@pytest.mark.parametrize("below", ["home", "a/b/home", ".heidi"])
def test_root_does_not_create_files_in_a_folder_of_the_user_of_sudo(tmp_path: Path, below: str) -> None:
    os.chown(tmp_path, USER, USER)
    with pytest.raises(StartupError, match="without sudo"):
        check_ownership(tmp_path / below, {"SUDO_UID": str(USER)})
    assert list(tmp_path.iterdir()) == []
    check_ownership(tmp_path / below, {})
    check_ownership(tmp_path / below, {"SUDO_UID": "0"})


def test_own_files_pass(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service_user.ensure_user()
    service_user.private_folder(home / "postgres")
    check_ownership(home, {"SUDO_UID": str(USER)})
    give(home, USER)
    become(monkeypatch, USER)
    check_ownership(home, {})


@pytest.mark.parametrize("check", [unix_sockets.make_private_folder, service_user.private_folder])
def test_folders_of_servers_are_not_to_be_deleted_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: object
) -> None:
    os.chown(tmp_path, OTHER, OTHER)
    become(monkeypatch, 65_534)
    with pytest.raises(RuntimeError, match="sudo chown -R ") as raised:
        check(tmp_path)  # type: ignore[operator]
    assert "elete" not in str(raised.value)
