"""Prepare the database of a standalone platform: migrations, an administrator, core's machine client, cities."""

import json
import re
import secrets
import subprocess  # nosec B404  # runs our own commands
import sys
from pathlib import Path

from heidi_common.server.durable_files import replace_durably
from heidi_standalone.errors import StartupError
from heidi_standalone.home.private_files import write_private
from heidi_standalone.log_causes import cause_in
from heidi_standalone.paths import ROOT
from heidi_standalone.preparation.pending_steps import PendingSteps
from heidi_standalone.progress import step

ADMIN_EMAIL = "admin@heidi.local"
CREDENTIALS = re.compile(r"client_id=(\S+)\s+client_secret=(\S+)")


class BootstrapCommands:
    """Runs `flask` commands with the platform's environment; their standard error goes to `log`."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        self.env, self.log = env | {"LOG_FORMAT": "console", "HEIDI_SERVICE": "auth"}, log

    def run(self, pending: PendingSteps, *, admin_file: Path, client_file: Path) -> bool:
        """Run the pending steps and report their progress.

        Returns:
            Whether an administrator was created.
        """
        admin_created = False
        if pending.migrations:
            with step("Migrating the database"):
                self._flask("db", "upgrade")
        if pending.admin:
            with step("Creating an administrator"):
                admin_created = self.create_admin(admin_file)
        if pending.client:
            with step("Creating the machine client of core"):
                self.create_client(client_file)
        if pending.cities:
            with step("Importing 34,000 cities"):
                self._flask("cities", "import")
        return admin_created

    def create_admin(self, file: Path) -> bool:
        """Create an administrator unless there is one.

        The password is written first, so that an interrupted start does not leave an account whose password is lost.

        Returns:
            Whether one was created; then `file` contains the e-mail address and the password.
        """
        password = secrets.token_urlsafe(15)
        unfinished = file.with_name(file.name + ".unfinished")
        write_private(unfinished, f"{ADMIN_EMAIL}\n{password}\n")
        output = self._flask("users", "create-admin", ADMIN_EMAIL, "--password-stdin", "--if-none", stdin=password)
        if "nothing done" in output:
            unfinished.unlink()
            return False
        replace_durably(unfinished, file)
        return True

    def create_client(self, file: Path) -> None:
        """Create the machine client as which core runs operations."""
        # Imported here: a later start need not load the platform.
        from heidi_common.operations.registry import core_scopes

        output = self._flask("clients", "create", "core", *(f"--scope={scope}" for scope in core_scopes()))
        credentials = CREDENTIALS.search(output)
        if credentials is None:
            raise StartupError("`flask clients create` did not print the credentials that it created")
        write_private(file, json.dumps({"CORE_CLIENT_ID": credentials[1], "CORE_CLIENT_SECRET": credentials[2]}))

    def _flask(self, *arguments: str, stdin: str = "") -> str:
        """Run a command in its own process group (Ctrl-C must not reach it directly) and return its output."""
        argv = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with self.log.open("ab") as log:
            child = subprocess.Popen(argv, cwd=ROOT, env=self.env, stderr=log, text=True, process_group=0, **pipes)  # type: ignore[call-overload]  # nosec B603
            try:
                output: str = child.communicate(stdin)[0]
            except BaseException:
                child.terminate()
                child.wait()
                raise
        if child.returncode:
            raise StartupError(f"flask {' '.join(arguments)} failed: {cause_in(self.log, output)}")
        return output
