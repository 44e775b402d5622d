"""The daily dump of docker compose, run against a real server."""

import os
import re
import subprocess
import time
from pathlib import Path

import psycopg2
import yaml

from heidi_standalone.servers.postgres import BINARIES, Postgres
from tests.polling import until

ROOT = Path(__file__).parents[2]
COMMAND = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["backup"]["command"]


def test_compose_keeps_complete_dumps_for_thirty_days(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "pg", durable=False)
    server.start()
    connection = psycopg2.connect(server.url.replace("+psycopg2", ""))
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")
    connection.close()
    folder = tmp_path / "backups"
    folder.mkdir()
    for name, days in (("heidi-old.dump", 32), ("heidi-recent.dump", 29), ("another-file.txt", 99)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - days * 86400,) * 2)
    env = {"PATH": f"{BINARIES}:{os.environ['PATH']}", "PGHOST": str(server.socket_folder), "PGUSER": "postgres"}
    script = [part.replace("$$", "$") for part in COMMAND]
    loop = subprocess.Popen(script, cwd=folder, env=env, start_new_session=True)
    try:
        (dump,) = _wait_until_the_old_dump_is_deleted(folder)
    finally:
        os.killpg(loop.pid, 15)
        loop.wait()
        server.stop()
    assert re.fullmatch(r"heidi-\d{8}T\d{6}Z\.dump", dump.name)
    assert dump.stat().st_mode & 0o077 == 0
    restored = subprocess.run([BINARIES / "pg_restore", "--file=-", dump], capture_output=True, text=True, check=True)
    assert "COPY public.kept" in restored.stdout and "\n7\n" in restored.stdout


def _wait_until_the_old_dump_is_deleted(folder: Path) -> set[Path]:
    stay = {folder / "heidi-recent.dump", folder / "another-file.txt"}
    until(lambda: not (folder / "heidi-old.dump").exists())
    assert stay <= set(folder.iterdir())
    return set(folder.iterdir()) - stay
