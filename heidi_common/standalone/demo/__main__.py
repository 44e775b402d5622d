"""`make demo`, against the platform that `make run` has started. HEIDI_PORT and HEIDI_HOME say which."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import requests

from heidi_common.standalone.checkout import ROOT
from heidi_common.standalone.demo import messages, people, schedules, webhooks
from heidi_common.standalone.demo.api import Api, Failed
from heidi_common.standalone.demo.maildir import Maildir
from heidi_common.standalone.demo.screen import Screen, say


def main() -> int:
    """0 when every step did what it should."""
    base_url = f"http://127.0.0.1:{os.environ.get('HEIDI_PORT') or 8080}"
    home = Path(os.environ.get("HEIDI_HOME") or ROOT / ".heidi")
    screen = Screen()
    say(f"\nHeidi, demonstrated through {base_url}\n")
    try:
        show(screen, Api(base_url), home)
    except (Failed, OSError, KeyError) as error:
        return _fail(base_url, error)
    except KeyboardInterrupt:
        say("\nStopped.")
        return 130
    say(f"\nAll {screen.number} steps did what they should, in {screen.seconds:.1f} s.\n")
    return 0


def show(screen: Screen, api: Api, home: Path) -> None:
    """The whole story. The schedule is made early, so that its next slot comes while the rest is shown."""
    person = people.register_and_sign_in(screen, api)
    admin = people.administrator(screen, api, *_credentials(home / "admin.txt"))
    mails = Maildir(home / "mail")
    people.nearest_cities(screen, api)
    schedule = schedules.make_and_run(screen, admin, person, mails)
    messages.email(screen, admin, person, mails)
    messages.in_app(screen, admin, person)
    webhooks.in_and_out(screen, person)
    schedules.see_it_fire(screen, admin, schedule)


def _credentials(file: Path) -> tuple[str, str]:
    if not file.exists():
        raise Failed(f"{file} is not there: it holds the administrator's e-mail and password")
    email, password = file.read_text().splitlines()[:2]
    return email, password


def _fail(base_url: str, error: Exception) -> int:
    if isinstance(error, requests.ConnectionError):
        error = Failed(f"{base_url} cannot be reached; is the platform running (make run)?")
    reason = str(error) if isinstance(error, (Failed, OSError)) else f"the answer lacks {error}"
    say(f"\n     {reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
