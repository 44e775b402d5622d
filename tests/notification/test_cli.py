"""The commands of `flask notifications`."""

from collections.abc import Callable

from flask import Flask

from tests.conftest import SignedIn
from tests.notification.conftest import Post, delivered, row
from tests.notification.mailserver import MailServer


def _run(app: Flask, *arguments: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["notifications", *arguments])
    return result.exit_code, result.output


def test_an_operator_lists_shows_and_retries_a_failed_notification(
    app: Flask, post: Post, mail: MailServer, as_user: Callable[..., SignedIn]
) -> None:
    person = as_user(email="ann@example.org")
    mail.handler.data_answers["ann@example.org"] = "554 5.7.1 Spam"
    notification_id = delivered(post(person, content="secret text")).id
    failed = str(notification_id)

    code, output = _run(app, "list", "--status", "FAILED")
    assert code == 0 and failed in output and "refused" in output
    code, output = _run(app, "show", failed)
    assert code == 0 and "5.7.1 Spam" in output and "secret text" not in output
    assert _run(app, "retry", failed)[0] == 0
    assert row(notification_id).status == "PENDING"
    code, output = _run(app, "retry", failed)
    assert code == 1 and "Only a failed notification" in output


def test_all_failed_notifications_are_retried_by_one_command(
    app: Flask, post: Post, mail: MailServer, as_user: Callable[..., SignedIn]
) -> None:
    person = as_user(email="ann@example.org")
    mail.handler.data_answers["ann@example.org"] = "554 No"
    for _ in range(2):
        delivered(post(person))
    assert "2 notifications will be retried" in _run(app, "retry-failed", "--channel", "EMAIL")[1]
    assert "0 notifications will be retried" in _run(app, "retry-failed", "--since", "2020-01-01")[1]


def test_default_templates_are_listed(app: Flask) -> None:
    code, output = _run(app, "templates")
    assert code == 0
    assert output.count("password-reset") == 2


def test_a_notification_that_does_not_exist_is_an_error(app: Flask) -> None:
    code, output = _run(app, "show", "01890a5d-ac96-774b-bcce-b302099a8057")
    assert (code, "Notification not found" in output) == (1, True)
