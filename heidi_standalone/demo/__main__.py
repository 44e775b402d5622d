"""`make demo`: a demonstration on the platform that `make run` has started."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from heidi_standalone.api_client import ApiClient, StepFailed
from heidi_standalone.demo import accounts, interfaces, notifications, schedules, webhooks
from heidi_standalone.demo.console_links import print_links
from heidi_standalone.demo.maildir import MailReader
from heidi_standalone.demo.terminal import Terminal, print_text
from heidi_standalone.target import RunningPlatform

HELP = (
    "Demonstrate the platform that `make run` has started: create accounts, messages, a schedule and a webhook in it."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; the exit status is 0 if every step succeeded.

    Args:
        arguments: Those of the command line, by default of this process. `--help` prints a text and ends the process.
    """
    ArgumentParser("python -m heidi_standalone.demo", description=HELP).parse_args(arguments)
    platform, terminal = RunningPlatform.from_env(), Terminal()
    print_text(f"\nDemonstration of Heidi at {platform.base_url}\n")
    try:
        created = run_demo(terminal, platform)
    except (StepFailed, OSError, KeyError) as error:
        print_text(f"\n     {platform.explain(error)}\n")
        return 1
    except KeyboardInterrupt:
        print_text("\nStopped.")
        return 130
    print_text(f"\nAll {terminal.number} steps succeeded in {terminal.seconds:.1f} s.\n")
    print_links(platform, created)
    return 0


def run_demo(terminal: Terminal, platform: RunningPlatform) -> dict[str, str]:
    """Run all steps. The schedule is created early, so that its next run is due when the other steps are done.

    Returns:
        What was created: its name -> the path of its page in the console.
    """
    api = ApiClient(platform.base_url)
    mails = MailReader(platform.home / "mail")
    user = accounts.register_and_sign_in(terminal, api, mails)
    admin = accounts.sign_in_administrator(terminal, api, *platform.admin_credentials())
    accounts.find_nearest_cities(terminal, api)
    schedule = schedules.create_and_run(terminal, admin, user, mails)
    message_id = notifications.send_email(terminal, admin, user, mails)
    notifications.send_in_app(terminal, admin, user)
    interfaces.query_three_services(terminal, user)
    interfaces.receive_over_websocket(terminal, admin, user)
    interfaces.load_documents(terminal, user)
    interfaces.read_from_kafka(terminal, admin, user)
    webhook_id = webhooks.receive_and_forward(terminal, user)
    schedules.wait_for_next_run(terminal, admin, schedule)
    return {
        "The user": f"people/{user.id}",
        "The e-mail": f"messages/{message_id}",
        "The schedule": f"schedules/{schedule.id}",
        "The webhook": f"webhooks/{webhook_id}",
    }


if __name__ == "__main__":
    sys.exit(main())
