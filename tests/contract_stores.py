# SPDX-License-Identifier: Apache-2.0
"""Ordinary uses of what files lie in: archives, file systems, object stores."""

from __future__ import annotations

import http.server
import threading
from pathlib import Path
from typing import Any


def _use_zipfile(folder: Path) -> Any:
    import zipfile

    (folder / "a.txt").write_text("hello" * 20)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(folder / "a.txt", "a.txt")
        archive.writestr("b.txt", "there")
    with zipfile.ZipFile(folder / "a.zip") as archive:
        archive.extractall(folder / "out")
        with archive.open("a.txt") as file:
            return file.read() + archive.read("b.txt") + (folder / "out" / "b.txt").read_bytes()


def _use_tarfile(folder: Path) -> Any:
    import tarfile

    (folder / "a.txt").write_text("hello" * 20)
    with tarfile.open(folder / "a.tar.gz", "w:gz") as archive:
        archive.add(folder / "a.txt", "a.txt")
    with tarfile.open(folder / "a.tar.gz") as archive:
        archive.extractall(folder / "out", filter="data")
        file = archive.extractfile("a.txt")
        assert file is not None
        return file.read() + (folder / "out" / "a.txt").read_bytes()


def _use_fsspec(folder: Path) -> Any:
    import fsspec

    (folder / "a.txt").write_text("hello" * 20)
    fs = fsspec.filesystem("memory")
    # Of one memory for all threads.
    place = f"/contract/{folder.name}"
    fs.put_file(str(folder / "a.txt"), f"{place}/a")
    with fs.open(f"{place}/b", "w") as file:
        file.write("there")
    fs.cp(f"{place}/b", f"{place}/c")
    fs.get(f"{place}/c", str(folder / "c.txt"))
    with fsspec.open(str(folder / "c.txt"), "rt") as file:
        return fs.cat(f"{place}/a"), fs.read_text(f"{place}/b"), file.read()


class _Store(http.server.BaseHTTPRequestHandler):
    """As much of an object store as three calls need."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(b"content")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("ETag", '"e"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


def _use_botocore(folder: Path) -> Any:
    import boto3

    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Store) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{server.server_port}", **keys)
        try:
            (folder / "up.txt").write_text("hello")
            client.put_object(Bucket="bucket", Key="key", Body=b"content")
            client.upload_file(str(folder / "up.txt"), "bucket", "up")
            return client.get_object(Bucket="bucket", Key="key")["Body"].read()
        finally:
            client.close()
            server.shutdown()
            thread.join()


STORES = {
    "prov-zipfile": _use_zipfile,
    "prov-tarfile": _use_tarfile,
    "prov-fsspec": _use_fsspec,
    "prov-botocore": _use_botocore,
}
