"""Objects in a bucket of S3, or of a server with its API (MinIO, Ceph, R2). Clients are sent to a presigned URL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from heidi_services.files.storage.base import CHUNK_BYTES, StorageError
from heidi_services.files.storage.chunk_reader import ChunkReader

URL_SECONDS = 60
"""How long a presigned URL is valid. A download that has begun may take longer."""
PART_BYTES = 8 * 1024 * 1024
"""The part of a multipart upload that is in memory."""
T = TypeVar("T")
_FAILURES = (BotoCoreError, ClientError, Boto3Error)
_TRANSFER = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False)
_PARAMETERS = frozenset({"endpoint", "region", "publicEndpoint", "prefix"})


@dataclass(frozen=True)
class Bucket:
    """What an `s3://` URL says. Empty means the default of AWS's SDK."""

    name: str
    endpoint: str = ""
    public_endpoint: str = ""
    region: str = ""
    prefix: str = ""

    @classmethod
    def from_url(cls, url: str, variable: str = "FILES_URL") -> Self:
        """Parse `s3://bucket?endpoint=...&publicEndpoint=...&region=...&prefix=...`.

        Args:
            url: The URL.
            variable: The setting that it comes from, for errors.

        Raises:
            ValueError: The bucket is missing, or a parameter is unknown.
        """
        parts = urlsplit(url)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if not parts.netloc or parts.path.strip("/") or not _PARAMETERS.issuperset(query):
            raise ValueError(f"{variable}: must be s3://bucket with the parameters {', '.join(sorted(_PARAMETERS))}")
        endpoint = query.get("endpoint", "")
        public = query.get("publicEndpoint", endpoint)
        return cls(parts.netloc, endpoint, public, query.get("region", ""), query.get("prefix", ""))


class S3Storage:
    """A bucket.

    Args:
        bucket: Where it is.
        access_key_id: The access key; empty for the usual sources of AWS's SDK.
        secret_access_key: Its secret.
    """

    def __init__(self, bucket: Bucket, access_key_id: str, secret_access_key: str) -> None:
        self.bucket = bucket
        keys = {"aws_access_key_id": access_key_id, "aws_secret_access_key": secret_access_key}
        self._keys = keys if access_key_id else {}
        self._client = self._connect(bucket.endpoint)
        self._public_client = self._connect(bucket.public_endpoint)

    def _connect(self, endpoint: str) -> Any:
        # Checksums by default are not understood by all servers with this API.
        config = Config(
            signature_version="s3v4",
            connect_timeout=5,
            read_timeout=30,
            retries={"total_max_attempts": 3, "mode": "standard"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if endpoint else "auto"},
        )
        names = {"endpoint_url": endpoint or None, "region_name": self.bucket.region or "us-east-1"}
        return boto3.session.Session().client("s3", config=config, **names, **self._keys)

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket.name, "Key": self.bucket.prefix + key}

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        _translated(lambda: self._client.upload_fileobj(ChunkReader(chunks), **self._at(key), Config=_TRANSFER))

    def read(self, key: str) -> Iterator[bytes]:
        response = _translated(lambda: self._client.get_object(**self._at(key)))
        with closing(response["Body"]) as body:
            while chunk := _translated(lambda: body.read(CHUNK_BYTES)):
                yield chunk

    def delete(self, key: str) -> None:
        """Delete an object. boto3 aborts the multipart upload of one that was not completed.

        A killed process leaves the parts of its multipart upload: they are aborted here too.
        """
        _translated(lambda: self._client.delete_object(**self._at(key)))
        prefix = self._at(key)
        listed = _translated(lambda: self._client.list_multipart_uploads(Bucket=prefix["Bucket"], Prefix=prefix["Key"]))
        for upload in listed.get("Uploads", ()):
            at = prefix | {"Key": upload["Key"], "UploadId": upload["UploadId"]}
            _translated(lambda at=at: self._client.abort_multipart_upload(**at))  # type: ignore[misc]

    def listed(self) -> Iterator[tuple[str, int]]:
        """List the objects below the prefix: key and size in bytes."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket.name, Prefix=self.bucket.prefix
        )
        for item in _translated(lambda: [entry for page in pages for entry in page.get("Contents", ())]):
            yield item["Key"].removeprefix(self.bucket.prefix), item["Size"]

    def locate(self, key: str, *, content_type: str, disposition: str) -> str:
        headers = {"ResponseContentType": content_type, "ResponseContentDisposition": disposition}
        url: str = self._public_client.generate_presigned_url(
            "get_object", Params=self._at(key) | headers, ExpiresIn=URL_SECONDS
        )
        return url


def _translated(call: Callable[[], T]) -> T:
    """Call the backend, and raise its failures as StorageError."""
    try:
        return call()
    except _FAILURES as error:
        raise StorageError(str(error)[:300]) from error
