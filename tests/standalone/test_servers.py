"""The embedded servers: their data survives, and no processes are left behind."""

import os
import pwd
import smtplib
import stat
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import psycopg2
import pytest
import redis

from heidi_common.server import parent_death
from heidi_standalone.paths import ROOT
from heidi_standalone.servers.postgres import Postgres
from heidi_standalone.servers.unix_sockets import MAX_ADDRESS_BYTES, make_private_folder, socket_folder
from heidi_standalone.servers.valkey import Valkey
from tests.polling import TIMEOUT_SECONDS, until
from tests.ports import free_port
from tests.standalone.conftest import listens


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def query(url: str, statement: str) -> object:
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone() if cursor.description else None
    connection.close()
    return row[0] if row else None


def test_a_database_survives_kill_9(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "pg")
    server.start()
    query(server.url, "CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")
    server.kill()
    again = Postgres(tmp_path / "pg")
    again.start()
    assert query(again.url, "SELECT id FROM kept") == 7
    again.stop()


def test_the_database_listens_on_no_port_and_is_private(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "pg", durable=False)
    server.start()
    assert query(server.url, "SHOW listen_addresses") == ""
    assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
    assert query(server.url, "SELECT lower('MÜNCHEN')") == "münchen"
    server.stop()


def test_the_readiness_check_uses_a_role_that_exists(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "pg", durable=False)
    server.start()
    assert server.is_ready()
    server.stop()
    # A check while the server starts or stops is logged as FATAL, too; that is not the role's fault.
    assert "does not exist" not in server.log.read_text()


def test_a_pid_file_left_by_a_power_failure_does_not_prevent_a_start(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "pg", durable=False)
    server.start()
    server.stop()
    (tmp_path / "pg" / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}/pg\n0\n5432\n\n\n")
    server.start()
    assert query(server.url, "SELECT 1") == 1
    server.stop()


def test_a_folder_whose_path_is_too_long_for_a_socket_works(tmp_path: Path) -> None:
    server = Postgres(tmp_path / ("x" * 60) / ("y" * 60), durable=False)
    assert len(str(server.socket_folder / ".s.PGSQL.5432")) <= MAX_ADDRESS_BYTES < len(str(server.folder))
    server.start()
    assert query(server.url, "SELECT 1") == 1
    server.stop()
    assert not server.socket_folder.exists()
    assert socket_folder(tmp_path, "s") == tmp_path


def test_valkey_keeps_its_data_after_kill_9_and_requires_its_password(tmp_path: Path) -> None:
    server = Valkey(tmp_path / "valkey", password="p" * 20)
    server.start()
    client = redis.Redis.from_url(server.url())
    client.set("kept", "yes")
    assert client.execute_command("WAITAOF", 1, 0, 60_000) == [
        1,
        0,
    ]  # it writes once a second by itself
    server.kill()
    again = Valkey(tmp_path / "valkey", password="p" * 20)
    again.start()
    assert redis.Redis.from_url(again.url()).get("kept") == b"yes"
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(unix_socket_path=str(again.socket)).get("kept")
    again.stop()
    assert "p" * 20 not in " ".join(again.command())


def test_a_sent_mail_is_stored_in_the_maildir(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "heidi_standalone.servers.mail_sink", str(tmp_path), str(port)])
    until(lambda: listens(port))
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail("from@x.test", ["to@y.test"], "Subject: hello\r\n\r\nHi there.\r\n.leading dot\r\n")
    (mail,) = (tmp_path / "new").iterdir()
    text = mail.read_text()
    assert text.startswith("Return-Path: <from@x.test>")
    assert "Delivered-To: to@y.test" in text
    assert text.endswith("Hi there.\n.leading dot\n")
    assert list((tmp_path / "tmp").iterdir()) == []
    process.terminate()
    assert process.wait(TIMEOUT_SECONDS) == 0


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"""
import subprocess, time
child = subprocess.Popen({parent_death.command("sleep", "600")!r})
open({str(pid_file)!r}, "w").write(str(child.pid))
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", script])
    until(lambda: pid_file.exists() and bool(pid_file.read_text()))
    child = int(pid_file.read_text())
    until(lambda: Path(f"/proc/{child}/comm").read_text().strip() == "sleep")
    parent.kill()
    parent.wait()
    until(lambda: has_ended(child))


def test_a_folder_of_another_user_is_not_used_for_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_private_folder(tmp_path / "ours")
    assert (tmp_path / "ours").stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    with pytest.raises(RuntimeError, match="belongs to another user"):
        make_private_folder(tmp_path / "ours")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root adds users")
def test_processes_that_start_together_add_one_user_with_one_uid() -> None:
    name = f"heidi-test-{os.getpid()}"
    script = (
        "import pwd, sys\n"
        "from heidi_standalone.servers import service_user\n"
        f"service_user.SERVICE_USER = {name!r}\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read(1)\n"
        "service_user.ensure_user()\n"
        f"print(pwd.getpwnam({name!r}).pw_uid)\n"
    )
    command = [sys.executable, "-c", script]
    starters = [subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True, cwd=ROOT) for _ in range(4)]
    try:
        assert [starter.stdout and starter.stdout.readline() for starter in starters] == ["ready\n"] * 4
        for starter in starters:
            assert starter.stdin
            starter.stdin.write("x")
            starter.stdin.flush()
        uids = {starter.communicate(timeout=60)[0].strip() for starter in starters}
        assert uids == {str(pwd.getpwnam(name).pw_uid)}
    finally:
        subprocess.run(["userdel", name], check=False, capture_output=True)
