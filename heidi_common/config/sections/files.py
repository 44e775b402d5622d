"""Settings of the file service."""

from __future__ import annotations

from dataclasses import dataclass

from heidi_common.config.declaration import setting
from heidi_common.config.parsers import positive, url

MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Files:
    """Files.

    The router also follows `FILES_MAX_BYTES` and `FILES_STALL_SECONDS`.
    """

    files_url: str = setting(
        "FILES_URL",
        parse=url("file", "s3"),
        default="",
        in_repr=False,
        help="Where files are stored: `file:///folder` or `s3://bucket?endpoint=https://...&region=...`. With "
        "`publicEndpoint`, clients are sent there instead of to `endpoint`; `prefix` precedes all keys. Unset: "
        "`FILES_PATH`.",
    )
    files_path: str = setting(
        "FILES_PATH",
        default="",
        help="The folder of stored files, unless `FILES_URL` is set; file service, worker and router share it. "
        "Unset: `files` in `HEIDI_HOME`.",
    )
    files_access_key_id: str = setting(
        "FILES_ACCESS_KEY_ID",
        default="",
        help="The access key for S3. If it is unset, the usual sources of AWS's SDK are used.",
    )
    files_secret_access_key: str = setting(
        "FILES_SECRET_ACCESS_KEY", default="", in_repr=False, help="The secret of `FILES_ACCESS_KEY_ID`."
    )
    files_max_bytes: int = setting(
        "FILES_MAX_BYTES", parse=positive, default=100 * MIB, help="Maximum size of an uploaded file."
    )
    files_quota_bytes: int = setting(
        "FILES_QUOTA_BYTES", parse=positive, default=1024 * MIB, help="Bytes that a user may store in all files."
    )
    files_stall_seconds: int = setting(
        "FILES_STALL_SECONDS",
        parse=positive,
        default=30,
        help="An upload of which less than 64 KiB arrive in this time is aborted. Uploads have no other time limit.",
    )
    files_max_pixels: int = setting(
        "FILES_MAX_PIXELS",
        parse=positive,
        default=50_000_000,
        help="Images with more pixels get no renditions. Decoding one needs four bytes for each pixel.",
    )
    clamav_url: str = setting(
        "CLAMAV_URL",
        parse=url("tcp", "unix"),
        default="",
        help="ClamAV's clamd: `tcp://host:3310` or `unix:///run/clamav/clamd.ctl`. Files can be downloaded once it has "
        "scanned them. Its `StreamMaxLength` must be at least `FILES_MAX_BYTES`. Unset: files are not scanned.",
    )
