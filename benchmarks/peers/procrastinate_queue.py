"""procrastinate on PostgreSQL: one worker with eight concurrent jobs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time

import procrastinate
import psycopg2
from jobs import (
    CLIENTS,
    COMPLETE,
    CONTENT,
    INSERT,
    arguments,
    cpu_seconds,
    prepare,
    report,
    restart_with,
    wait_until_done,
)

connector = procrastinate.PsycopgConnector(conninfo=os.environ.get("PEER_DATABASE", ""), max_size=40)
app = procrastinate.App(connector=connector)


@app.task(name="complete")
async def complete(job_id: int) -> None:
    async with connector.pool.connection() as connection:
        await connection.execute(COMPLETE, [job_id])


async def work() -> None:
    async with app.open_async():
        await app.run_worker_async(concurrency=8, install_signal_handlers=True)


async def enqueue(count: int) -> None:
    numbers = iter(range(count))

    async def client() -> None:
        async with connector.pool.connection() as connection:
            await connection.set_autocommit(True)
            for number in numbers:
                await connection.execute(INSERT, [number, CONTENT])
                await complete.defer_async(job_id=number)

    async with app.open_async():
        await asyncio.gather(*(client() for _ in range(CLIENTS)))


def main() -> None:
    options = arguments()
    restart_with({"PEER_DATABASE": options.database})
    connection = psycopg2.connect(options.database)
    connection.autocommit = True
    prepare(connection)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('procrastinate_jobs')")
        if cursor.fetchone()[0] is None:
            cursor.execute(app.schema_manager.get_schema())
        cursor.execute("DELETE FROM procrastinate_jobs")
    worker = subprocess.Popen([sys.executable, __file__, "work"], env=os.environ | {"PEER_DATABASE": options.database})
    time.sleep(2)
    started, before = time.monotonic(), cpu_seconds()
    asyncio.run(enqueue(options.count))
    accepted = time.monotonic() - started
    completed = wait_until_done(connection, options.count, started)
    used = cpu_seconds() - before
    worker.terminate()
    worker.wait(30)
    report(options.count, accepted, completed, used)


if __name__ == "__main__":
    if sys.argv[1:] == ["work"]:
        asyncio.run(work())
    else:
        main()
