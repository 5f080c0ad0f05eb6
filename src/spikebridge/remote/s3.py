"""Objects in a bucket (s3://bucket/key), by botocore, an optional extra: pip install 'spikebridge[remotes]'.

Credentials, region and endpoint are those of the AWS tools (AWS_PROFILE, AWS_ENDPOINT_URL and so on). Without any
credentials, requests are not signed, as public buckets allow.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from spikebridge.errors import RemoteError
from spikebridge.remote.http import ATTEMPTS, REASONS, TransferCount

SCHEME = "s3://"


@dataclass(frozen=True)
class S3Object:
    """An object of a bucket. key: its full name. etag: without quotes."""

    key: str
    size: int
    etag: str


def bucket_and_key(url: str) -> tuple[str, str]:
    """The two parts of s3://bucket/key. A key may hold any character, also those with a meaning on the web (#, ?)."""
    name, _, key = url[len(SCHEME) :].partition("/")
    return name, key.lstrip("/")


class Bucket:
    """One bucket.

    Parameters
    ----------
    url : str
        s3://bucket/anything.
    transfer : TransferCount
        Counts what is received.
    """

    def __init__(self, url: str, transfer: TransferCount) -> None:
        self.name, _ = bucket_and_key(url)
        self._transfer = transfer
        self._client = _client(url)

    def list(self, prefix: str) -> list[S3Object]:
        """Every object whose key begins with the prefix, by key. Raises RemoteError."""
        with errors_in_words(f"{SCHEME}{self.name}/{prefix}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            entries = [entry for page in pages for entry in page.get("Contents", [])]
        return sorted((S3Object(e["Key"], e["Size"], e["ETag"].strip('"')) for e in entries), key=lambda o: o.key)

    def get(self, key: str, **conditions: str) -> tuple[bytes, str, int]:
        """The bytes of an object or of a range of it, its ETag with quotes, and the size of the whole."""
        from botocore.exceptions import HTTPClientError, IncompleteReadError

        with errors_in_words(f"{SCHEME}{self.name}/{key}"):
            for attempt in range(ATTEMPTS):  # botocore repeats requests, but no answer that breaks off
                answer = self._client.get_object(Bucket=self.name, Key=key, **conditions)
                try:
                    content = answer["Body"].read()
                    break
                except (HTTPClientError, IncompleteReadError):
                    if attempt == ATTEMPTS - 1:
                        raise
        self._transfer.add(len(content))
        size = int(str(answer.get("ContentRange", "")).rpartition("/")[2] or len(content))
        return content, str(answer["ETag"]), size


class S3Source:
    """One object of a bucket, read by ranges that name its ETag.

    Parameters
    ----------
    url : str
        s3://bucket/key.
    transfer : TransferCount
        Counts what is received.
    """

    def __init__(self, url: str, transfer: TransferCount) -> None:
        self.name = url
        self._bucket, self._key = Bucket(url, transfer), bucket_and_key(url)[1]
        _, self.etag, self.size = self._bucket.get(self._key, Range="bytes=0-0")

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from start to before stop. Raises RemoteError, also where the object changed meanwhile."""
        content, _, size = self._bucket.get(self._key, Range=f"bytes={start}-{stop - 1}", IfMatch=self.etag)
        expected = min(stop, self.size) - start
        if size != self.size or len(content) != expected:
            text = f"expected {expected} bytes from byte {start} of {self.size}, got {len(content)} of {size}"
            raise RemoteError(f"{self.name}: {text}")
        return content


class S3Folder:
    """A folder of a bucket: the files of a Zarr folder.

    Parameters
    ----------
    url : str
        s3://bucket/prefix/.
    transfer : TransferCount
        Counts what is received.
    """

    def __init__(self, url: str, transfer: TransferCount) -> None:
        self.name = url
        self._bucket, self._prefix = Bucket(url, transfer), bucket_and_key(url)[1].rstrip("/")

    def get(self, key: str) -> tuple[bytes, str] | None:
        """The bytes of a file and its ETag; None where there is none. Raises RemoteError."""
        try:
            content, etag, _ = self._bucket.get(f"{self._prefix}/{key}")
        except MissingObjectError:
            return None
        return content, etag


class MissingObjectError(RemoteError):
    """There is no object of this key."""


def _client(url: str) -> Any:
    """A client of botocore. Raises RemoteError where it is missing, or the settings of the AWS tools are wrong."""
    try:
        from botocore.handlers import disable_signing
        from botocore.session import get_session
    except ImportError as error:
        raise RemoteError(f"s3:// needs botocore: pip install 'spikebridge[remotes]' ({error})") from None
    session = get_session()
    with errors_in_words(url):
        session.set_config_variable("retry_mode", "standard")
        session.set_config_variable("max_attempts", ATTEMPTS)
        try:
            client = session.create_client("s3", region_name=session.get_config_variable("region") or "us-east-1")
        except ValueError as error:
            raise RemoteError(f"{url}: {error}: check AWS_ENDPOINT_URL") from None
        if session.get_credentials() is None:
            client.meta.events.register("choose-signer.s3.*", disable_signing)
    return client


@contextmanager
def errors_in_words(url: str) -> Iterator[None]:
    """RemoteError instead of what botocore raises."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        code = error.response.get("Error", {}).get("Code", "")
        if status == 412:
            raise RemoteError(f"{url}: the object changed while it was read (another ETag); fetch it again") from None
        if status == 416:
            raise RemoteError(f"{url}: the object is empty (0 bytes)") from None
        kind = MissingObjectError if status == 404 else RemoteError
        raise kind(f"{url}: the bucket answers {status} {code}: {REASONS.get(status, 'no reason given')}") from None
    except BotoCoreError as error:
        raise RemoteError(f"{url}: cannot be reached ({' '.join(str(error).split())})") from None
