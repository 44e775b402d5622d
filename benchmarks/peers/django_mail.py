"""Django's e-mail to the same sink, with a connection for each of four threads that stays open between e-mails."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import django
from django.conf import settings
from jobs import CONTENT, arguments, cpu_seconds, report

THREADS = 4


def send(host: str, port: int, count: int) -> None:
    from django.core.mail import EmailMessage, get_connection

    connection = get_connection(host=host, port=port)
    connection.open()
    for number in range(count):
        EmailMessage(
            f"Your order {number}", CONTENT, "shop@example.test", [f"user{number}@example.test"], connection=connection
        ).send()
    connection.close()


def main() -> None:
    options = arguments()
    settings.configure(EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", USE_TZ=True)
    django.setup()
    host, _, port = options.smtp.rpartition(":")
    started, before = time.monotonic(), cpu_seconds()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda _: send(host, int(port), options.count // THREADS), range(THREADS)))
    seconds = time.monotonic() - started
    report(options.count, seconds, seconds, cpu_seconds() - before)


if __name__ == "__main__":
    main()
