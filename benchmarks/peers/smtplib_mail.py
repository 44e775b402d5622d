"""smtplib with a connection for each e-mail, in four threads, to the same sink."""

from __future__ import annotations

import smtplib
import time
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage

from jobs import CONTENT, arguments, cpu_seconds, report

THREADS = 4


def send(host: str, port: int, number: int) -> None:
    message = EmailMessage()
    message["Subject"] = f"Your order {number}"
    message["From"], message["To"] = "shop@example.test", f"user{number}@example.test"
    message.set_content(CONTENT)
    with smtplib.SMTP(host, port, timeout=30) as connection:
        connection.send_message(message)


def main() -> None:
    options = arguments()
    host, _, port = options.smtp.rpartition(":")
    started, before = time.monotonic(), cpu_seconds()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda number: send(host, int(port), number), range(options.count)))
    seconds = time.monotonic() - started
    report(options.count, seconds, seconds, cpu_seconds() - before)


if __name__ == "__main__":
    main()
