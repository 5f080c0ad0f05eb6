"""A web server with ranges, ETags, redirects and faults, and the interface of the DANDI archive as it is documented."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 2
"""Entries of a page, whatever is asked for, so that lists take several."""


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    status: int = 0
    n_bytes: int = 0


@dataclass
class Fault:
    """What happens to the next requests whose path holds a text. times: how often."""

    where: str
    do: Callable[[Handler], bool]
    times: int = 1_000_000


@dataclass
class Server:
    """files: path -> content on disk. answers: path -> JSON document. log: every request."""

    port: int = 0
    files: dict[str, Path] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    lists: dict[str, list[Any]] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    log: list[Request] = field(default_factory=list)
    etags: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        return f"{self.url}/api"

    def put(self, path: str, file: Path) -> str:
        """Serve a file, or all files of a folder, and return the address."""
        for member in sorted(file.rglob("*")) if file.is_dir() else [file]:
            if member.is_file():
                self.files[f"{path}/{member.relative_to(file)}" if file.is_dir() else path] = member
        return self.url + path

    def fail(self, where: str, do: Callable[[Handler], bool], times: int = 1_000_000) -> None:
        self.faults.append(Fault(where, do, times))

    def etag(self, path: str) -> str:
        about = self.files[path].stat()
        made = hashlib.md5(f"{path} {about.st_size} {about.st_mtime_ns}".encode()).hexdigest()
        return f'"{self.etags.get(path, made)}"'

    def publish(self, number: str, version: str, assets: dict[str, Path], **about: Any) -> None:
        """A version of a set with these files, whose contents lie in `/s3`, as in the archive's bucket."""
        sets, name = f"/api/dandisets/{number}/", f"DANDI:{number}/{version}"
        known = self.answers.setdefault(sets, {"identifier": number, "most_recent_published_version": None})
        if version != "draft":
            known["most_recent_published_version"] = {"version": version}
        at = f"{sets}versions/{version}/"
        self.lists.setdefault(f"{sets}versions/", []).append({"version": version})
        self.answers[at] = {
            "id": name, "name": "A set", "license": ["spdx:CC-BY-4.0"], "doi": f"10.48324/dandi.{number}/{version}",
            "citation": f"Rat, A. (2024) A set (Version {version}) [Data set]. DANDI Archive.", **about,
        }  # fmt: skip
        self.lists[f"{at}assets/"] = []
        for path, file in assets.items():
            asset_id = hashlib.md5(f"{name}{path}".encode()).hexdigest()
            self._add_asset(at, asset_id, path, file)

    def _add_asset(self, at: str, asset_id: str, path: str, file: Path) -> None:
        is_zarr = file.is_dir()
        contents = [p for p in sorted(file.rglob("*")) if p.is_file()] if is_zarr else [file]
        size = sum(p.stat().st_size for p in contents)
        place = f"/s3/{'zarr' if is_zarr else 'blobs'}/{asset_id}"
        url = self.put(place, file) + ("/" if is_zarr else "")
        digest = hashlib.sha256(
            b"".join(p.name.encode() + str(p.stat().st_size).encode() for p in contents)
        ).hexdigest()
        entry = {
            "asset_id": asset_id,
            "path": path,
            "size": size,
            "blob": None if is_zarr else "b",
            "zarr": "z" * is_zarr,
        }
        self.lists[f"{at}assets/"].append(entry)
        download = f"/api/assets/{asset_id}/download/"
        self.redirects[download] = f"{url}?signature=1"
        self.answers[f"{at}assets/{asset_id}/"] = {
            "path": path,
            "contentSize": size,
            "contentUrl": [self.url + download, url],
            "digest": {"dandi:sha2-256": digest},
            "encodingFormat": "application/x-zarr" if is_zarr else "application/x-nwb",
        }

    def received(self) -> int:
        """Bytes of all bodies that were sent."""
        return sum(request.n_bytes for request in self.log)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Server

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        self.request_log = Request(self.path, dict(self.headers))
        self.served.log.append(self.request_log)
        for fault in self.served.faults:
            if fault.where in self.path and fault.times > 0:
                fault.times -= 1
                if fault.do(self):
                    return
        if where.path in self.served.redirects:
            self.answer(302, b"", {"Location": self.served.redirects[where.path]})
        elif where.path in self.served.files:
            self.send_file(where.path)
        elif where.path in self.served.lists:
            self.send_page(where.path, parse_qs(where.query))
        elif where.path in self.served.answers:
            self.answer(200, json.dumps(self.served.answers[where.path]).encode())
        else:
            self.answer(404, b'{"detail":"Not found."}')

    def do_HEAD(self) -> None:
        path = urlsplit(self.path).path
        if path not in self.served.files:
            return self.answer(404, b"")
        self.send_response(200)
        self.send_header("Content-Length", str(self.served.files[path].stat().st_size))
        self.send_header("ETag", self.served.etag(path))
        return self.end_headers()

    def send_page(self, path: str, query: dict[str, list[str]]) -> None:
        entries, page = self.served.lists[path], int(query.get("page", ["1"])[0])
        end = PAGE * page
        following = f"{self.served.url}{path}?page={page + 1}&page_size={PAGE}" if end < len(entries) else None
        document = {"count": len(entries), "next": following, "results": entries[end - PAGE : end]}
        self.answer(200, json.dumps(document).encode())

    def send_file(self, path: str, ranges: bool = True, whole: bool = True) -> None:
        file, etag = self.served.files[path], self.served.etag(path)
        size = file.stat().st_size
        if self.headers.get("If-Match", etag) != etag:
            return self.answer(412, b"")
        given = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if given is None or not ranges:
            return self.answer(200, file.read_bytes(), {"ETag": etag})
        start, stop = int(given[1]), min(int(given[2]) + 1, size)
        if start >= size:
            return self.answer(416, b"", {"Content-Range": f"bytes */{size}"})
        with file.open("rb") as handle:
            handle.seek(start)
            content = handle.read(stop - start)
        headers = {"ETag": etag, "Content-Range": f"bytes {start}-{stop - 1}/{size}"}
        return self.answer(206, content, headers, None if whole else len(content) // 2)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, send: int | None = None) -> None:
        """send: bytes of the body that are sent before the connection is closed; all of them by default."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.request_log.status, self.request_log.n_bytes = status, len(body[:send])
        with suppress(BrokenPipeError, ConnectionResetError):  # DVC asks for a file to learn whether it exists
            self.wfile.write(body[:send])
        if send is not None:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """No line in the output of the tests."""


def status(code: int, headers: dict[str, str] | None = None) -> Callable[[Handler], bool]:
    """A fault: this status, without a body."""

    def do(handler: Handler) -> bool:
        handler.answer(code, b"", headers)
        return True

    return do


def without_ranges(handler: Handler) -> bool:
    """A fault: the whole file, whatever range is asked for."""
    handler.send_file(urlsplit(handler.path).path, ranges=False)
    return True


def broken_off(handler: Handler) -> bool:
    """A fault: half of an answer."""
    handler.send_file(urlsplit(handler.path).path, whole=False)
    return True


@contextmanager
def serving() -> Iterator[Server]:
    """A server on a free port of this machine, until the block ends."""
    served = Server()
    handler = type("BoundHandler", (Handler,), {"served": served})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        web.daemon_threads = True
        served.port = web.server_address[1]
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            web.shutdown()
            thread.join()
