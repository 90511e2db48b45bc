"""A local HTTP server that speaks the Hugging Face hub's protocol, so that the real client can be tested offline.

Small files are served in place with their git SHA-1 as ETag; weights, as on the hub, by a redirect to a storage host
(the same server under its other name, `localhost`), with X-Linked-Etag and X-Linked-Size. What the hub calls
X-Error-Code tells gated, missing repositories and missing revisions apart.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".bin", ".pt")


@dataclass
class Repository:
    revision: str
    files: dict[str, bytes]
    gated: bool = False


@dataclass
class Hub:
    """What the server has, how it misbehaves, and what it was asked."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    releases: dict[str, bytes] = field(default_factory=dict)  # files at <endpoint>/releases/v1, as on GitHub
    granted_token: str = "hf_granted"
    corrupt: set[str] = field(default_factory=set)  # names of files whose bytes are changed on the way
    cut_after: int | None = None  # close the connection after so many bytes of a weights file, and every later one
    status: int | None = None  # answer everything with this
    requests: list[tuple[str, str, dict[str, str]]] = field(
        default_factory=list
    )  # method, path, headers in small letters
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """The hub on a free port of the loopback, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.handle_request()

        def do_GET(self) -> None:
            self.handle_request()

        def log_message(self, *_: object) -> None:
            pass

        def handle_request(self) -> None:
            path = unquote(urlsplit(self.path).path)
            headers = {key.lower(): value for key, value in self.headers.items()}
            hub.requests.append((self.command, path, headers))
            if hub.status is not None:
                return self.fail(hub.status, None)
            if path.startswith("/storage/"):
                return self.send_weights(path)
            if path.startswith("/releases/"):
                name = path.rsplit("/", 1)[1]
                if name not in hub.releases:
                    return self.fail(404, None)
                return self.answer(302, b"", {"Location": f"http://localhost:{hub.port}/storage/{name}"})
            parts = path.strip("/").split("/")
            if parts[:2] == ["api", "models"]:
                name, action, revision, file = "/".join(parts[2:4]), parts[4], parts[5], None
            else:
                name, action, revision, file = "/".join(parts[:2]), parts[2], parts[3], "/".join(parts[4:])
            repository = hub.repositories.get(name)
            if repository is None:
                return self.fail(401, None)  # so the hub answers those who are not logged in
            if revision != repository.revision:
                return self.fail(404, "RevisionNotFound")
            if action == "revision":
                return self.send_listing(name, repository)
            if repository.gated and self.headers.get("Authorization") != f"Bearer {hub.granted_token}":
                return self.fail(403 if "Authorization" in self.headers else 401, "GatedRepo")
            if file not in repository.files:
                return self.fail(404, "EntryNotFound")
            return self.send_file(name, repository, file)

        def fail(self, status: int, code: str | None) -> None:
            self.answer(status, b"", {"X-Error-Code": code} if code else {})

        def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def send_listing(self, name: str, repository: Repository) -> None:
            siblings = [
                {"rfilename": file, "size": len(data), "blobId": git_sha1(data)}
                | ({"lfs": {"sha256": sha256(data), "size": len(data), "pointerSize": 134}} if large(file) else {})
                for file, data in repository.files.items()
            ]
            data = {"id": name, "modelId": name, "sha": repository.revision, "siblings": siblings, "tags": []}
            self.answer(200, json.dumps(data).encode(), {"Content-Type": "application/json"})

        def send_file(self, name: str, repository: Repository, file: str) -> None:
            data = repository.files[file]
            headers = {"X-Repo-Commit": repository.revision}
            if large(file):
                self.answer(
                    302,
                    b"",
                    headers
                    | {
                        "X-Linked-Etag": f'"{sha256(data)}"',
                        "X-Linked-Size": str(len(data)),
                        "Location": f"http://localhost:{hub.port}/storage/{name}/{file}",
                    },
                )
            else:
                self.answer(200, self.spoilt(file, data), headers | {"ETag": f'"{git_sha1(data)}"'})

        def send_weights(self, path: str) -> None:
            *repository, file = path.removeprefix("/storage/").split("/", 2)
            files = hub.repositories["/".join(repository)].files if repository else hub.releases
            data = self.spoilt(file, files[file])
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
            if hub.cut_after is None:
                where = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
                return self.answer(206 if start else 200, data[start:], where)
            if start == 0:
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: hub.cut_after])
            self.close_connection = True
            return None

        def spoilt(self, file: str, data: bytes) -> bytes:
            return bytes([data[0] ^ 1]) + data[1:] if file in hub.corrupt else data

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def large(name: str) -> bool:
    return name.endswith(LARGE)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
