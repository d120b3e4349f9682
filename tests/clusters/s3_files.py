"""A folder into a bucket and back: s3_files.py upload|download FOLDER BUCKET PREFIX. The server is that of AWS_ENDPOINT_URL."""

import os
import pathlib
import sys
import time

import boto3

what, folder, bucket, prefix = sys.argv[1:]
root = pathlib.Path(folder)
client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
if what == "upload":
    for attempt in range(120):
        try:
            client.create_bucket(Bucket=bucket)
            break
        except Exception:
            # The server is still starting.
            if attempt == 119:
                raise
            time.sleep(0.5)
    for path in root.rglob("*"):
        if path.is_file():
            client.upload_file(str(path), bucket, f"{prefix}/{path.relative_to(root).as_posix()}")
else:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        for item in page.get("Contents", []):
            path = root / item["Key"].removeprefix(f"{prefix}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(bucket, item["Key"], str(path))
