"""Uploads the sample candles to the S3 server of the kind overlay, once it answers. Run by the Job `sample-data`."""

import sys
import time
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

BUCKET, FOLDER = "retrain", "features"
PATIENCE = 120.0


def main() -> None:
    # The endpoint and the keys come from the environment.
    client = boto3.client("s3", config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))
    end = time.monotonic() + PATIENCE
    while True:
        try:
            load(client)
            return
        except (BotoCoreError, ClientError) as error:
            if time.monotonic() > end:
                sys.exit(f"the S3 server accepts no uploads: {error}")
            time.sleep(1.0)


def load(client) -> None:
    if BUCKET not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=BUCKET)
    for path in sorted(Path("/data").glob("*.parquet")):
        client.upload_file(str(path), BUCKET, f"{FOLDER}/{path.name}")
        print(f"s3://{BUCKET}/{FOLDER}/{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
