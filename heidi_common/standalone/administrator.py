"""The first administrator of a new database: ``python -m heidi_common.standalone.administrator FILE``."""

import secrets
import sys
from pathlib import Path

from heidi_common.accounts import create_user
from heidi_common.app import base_app
from heidi_common.config import Settings
from heidi_common.db import transaction, utcnow
from heidi_common.identity import Role
from heidi_common.passwords import passwords
from heidi_common.standalone.files import write_private

EMAIL = "admin@heidi.local"


def create(file: Path) -> None:
    """A random password, in `file` before the account exists: however it is cut short, no account is without one."""
    password = secrets.token_urlsafe(15)
    with base_app(Settings.from_env(), "standalone").app_context():
        password_hash = passwords().hash(password)
        write_private(file, f"{EMAIL}\n{password}\n")
        with transaction():
            create_user(email=EMAIL, password_hash=password_hash, role=Role.ADMIN, email_verified_at=utcnow())


if __name__ == "__main__":
    create(Path(sys.argv[1]))
