"""`make demo`, against the platform that `make run` has started."""

from __future__ import annotations

import sys

from heidi_standalone.api_client import Api, Failed
from heidi_standalone.demo import accounts, notifications, schedules, webhooks
from heidi_standalone.demo.maildir import Maildir
from heidi_standalone.demo.terminal import Screen, say
from heidi_standalone.target import Target


def main() -> int:
    """0 when every step did what it should."""
    target, screen = Target.from_env(), Screen()
    say(f"\nHeidi, demonstrated through {target.base_url}\n")
    try:
        show(screen, target)
    except (Failed, OSError, KeyError) as error:
        say(f"\n     {target.explain(error)}\n")
        return 1
    except KeyboardInterrupt:
        say("\nStopped.")
        return 130
    say(f"\nAll {screen.number} steps did what they should, in {screen.seconds:.1f} s.\n")
    return 0


def show(screen: Screen, target: Target) -> None:
    """The whole story. The schedule is made early, so that its next slot comes while the rest is shown."""
    api = Api(target.base_url)
    person = accounts.register_and_sign_in(screen, api)
    admin = accounts.administrator(screen, api, *target.administrator())
    mails = Maildir(target.home / "mail")
    accounts.nearest_cities(screen, api)
    schedule = schedules.make_and_run(screen, admin, person, mails)
    notifications.email(screen, admin, person, mails)
    notifications.in_app(screen, admin, person)
    webhooks.in_and_out(screen, person)
    schedules.see_it_fire(screen, admin, schedule)


if __name__ == "__main__":
    sys.exit(main())
