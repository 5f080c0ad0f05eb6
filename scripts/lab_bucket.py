"""Make the bucket of an address such as s3://bucket/folder if it does not exist; wait for a server that starts."""

from __future__ import annotations

import os
import sys
import time
from urllib.parse import urlsplit

WAIT_S = 120


def main(address: str) -> int:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    bucket = urlsplit(address).netloc
    client = boto3.client("s3", endpoint_url=os.environ.get("MLFLOW_S3_ENDPOINT_URL") or None)
    until = time.monotonic() + WAIT_S
    while True:
        try:
            if bucket not in [entry["Name"] for entry in client.list_buckets()["Buckets"]]:
                client.create_bucket(Bucket=bucket)
            client.put_object(Bucket=bucket, Key=".ready", Body=b"")  # it may list before it can store
            return 0
        except (BotoCoreError, ClientError) as error:
            if time.monotonic() > until:
                print(f"bucket {bucket}: {error}", file=sys.stderr)
                return 1
            time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
