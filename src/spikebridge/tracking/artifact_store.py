"""The bucket of a shared store: reached with the user's keys before anything is logged."""

from __future__ import annotations

import os
from functools import cache
from urllib.parse import urlsplit

from spikebridge.errors import RegistryError
from spikebridge.tracking.interruptions import first_line, patiently

ENDPOINT = "MLFLOW_S3_ENDPOINT_URL"
"""Variable with the address of an S3 server other than that of Amazon."""
KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws/credentials"


def check_artifacts(location: str | None) -> None:
    """Raise RegistryError if artifacts lie on S3 and their bucket is not there or cannot be used; once a process."""
    if location and urlsplit(location).scheme == "s3":
        check_bucket(urlsplit(location).netloc, os.environ.get(ENDPOINT) or None)


@cache
def check_bucket(bucket: str, endpoint: str | None) -> None:
    """Raise RegistryError if a bucket is not there or cannot be used. endpoint: None for Amazon's."""
    place = f"artifacts in s3://{bucket}" + (f" at {_without_user(endpoint)}" if endpoint else "")
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
    except ModuleNotFoundError as error:
        raise RegistryError(
            f"{place}: the package boto3 is not installed ({first_line(error)}): "
            'pip install ".[server]" in the project\'s folder'
        ) from None
    try:
        patiently(lambda: boto3.session.Session().client("s3", endpoint_url=endpoint).head_bucket(Bucket=bucket))
    except NoCredentialsError:
        raise RegistryError(f"{place}: expected the keys of S3, found none: set {KEYS}") from None
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        reasons = {
            "404": "there is no such bucket: make it first",
            "NoSuchBucket": "there is no such bucket: make it first",
            "403": f"S3 refuses these keys: check {KEYS}",
        }
        raise RegistryError(f"{place}: {reasons.get(code, first_line(error))}") from None
    except (BotoCoreError, ValueError) as error:
        raise RegistryError(f"{place}: {first_line(error)}: check {ENDPOINT}") from None


def _without_user(address: str) -> str:
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def file_errors() -> tuple[type[Exception], ...]:
    """Errors of reading artifacts: of MLflow, of the system, and of S3's client where it is installed."""
    from mlflow.exceptions import MlflowException

    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ModuleNotFoundError:
        return MlflowException, OSError
    return MlflowException, OSError, BotoCoreError, ClientError
