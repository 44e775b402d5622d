"""Settings of backups."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from heidi_common.config.declaration import read, setting
from heidi_common.config.parsers import natural, positive, url, words


@dataclass(frozen=True, kw_only=True)
class BackupSettings:
    """Backups.

    Read by `flask backup` and the backup process, with `DATABASE_URL` or `DATABASE_DIRECT_URL`.
    """

    backup_url: str = setting(
        "BACKUP_URL",
        parse=url("file", "s3"),
        default="",
        default_text="the folder `backups`",
        in_repr=False,
        help="Where backups are stored: `file:///folder` or `s3://bucket?endpoint=https://...&region=...&prefix=...`.",
    )
    backup_access_key_id: str = setting(
        "BACKUP_ACCESS_KEY_ID", default="", help="The access key for S3. Unset: the usual sources of AWS's SDK."
    )
    backup_secret_access_key: str = setting(
        "BACKUP_SECRET_ACCESS_KEY", default="", in_repr=False, help="The secret of `BACKUP_ACCESS_KEY_ID`."
    )
    backup_recipients: tuple[str, ...] = setting(
        "BACKUP_RECIPIENTS",
        parse=words,
        default=(),
        help="Public keys of age (`age1...`), separated by commas, for which backups are encrypted. Unset: none.",
    )
    backup_identity: str = setting(
        "BACKUP_IDENTITY",
        default="",
        in_repr=False,
        help="A secret key of age (`AGE-SECRET-KEY-1...`), which `verify` and `restore` need for encrypted backups.",
    )
    backup_keep_days: int = setting(
        "BACKUP_KEEP_DAYS", parse=positive, default=30, help="Older backups are deleted, except the newest one."
    )
    backup_hours: int = setting(
        "BACKUP_HOURS", parse=positive, default=24, help="Hours between two backups of the backup process."
    )
    backup_verify_hours: int = setting(
        "BACKUP_VERIFY_HOURS",
        parse=natural,
        default=168,
        help="Hours between two verifications of the newest backup by the backup process. 0: none.",
    )
    backup_wal_folder: str = setting(
        "BACKUP_WAL_FOLDER",
        default="",
        help="The folder to which PostgreSQL archives its WAL, for recovery to a moment. With it, the backup process "
        "also creates base backups.",
    )

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> BackupSettings:
        """Read and check every variable.

        Raises:
            ConfigError: Variables are invalid. It names all of them.
        """
        return cls(**read(cls, env))
