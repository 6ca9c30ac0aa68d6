"""A Hub on the loopback: the HTTP routes that huggingface_hub uses, with faults that a test can order."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


def blob_id(data: bytes) -> str:
    """Git's name of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@dataclass
class Repo:
    """One dataset repository."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    large: dict[str, str] = field(default_factory=dict)  # path → SHA-256
    commits: list[str] = field(default_factory=list)


@dataclass
class Hub:
    """The state of the server; faults are functions (method, path) → status, 0 to cut the connection, or None."""

    repos: dict[str, Repo] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: Counter[str] = field(default_factory=Counter)  # completed, by SHA-256
    requests: list[str] = field(default_factory=list)
    fault: Callable[[str, str], int | None] = lambda method, path: None
    after_upload: Callable[[], None] = lambda: None
    chunk_bytes: int = 0  # above zero: files larger than this go in parts of this size
    parts: dict[tuple[str, int], bytes] = field(default_factory=dict)
    url: str = ""

    def serve(self) -> ThreadingHTTPServer:
        """Start serving on a free port of 127.0.0.1."""
        hub = self

        class Handler(_Handler):
            state = hub

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


class _Handler(BaseHTTPRequestHandler):
    state: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""

    def _faulty(self) -> bool:
        self.state.requests.append(f"{self.command} {self.path}")
        status = self.state.fault(self.command, self.path)
        if status is None:
            return False
        if status == 0:
            self.rfile.read(min(int(self.headers.get("Content-Length", 0)) // 2, 50_000))
            self.close_connection = True
            self.connection.close()
        else:
            self._body()
            self._send({"error": "ordered by the test"}, status)
        return True

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _send(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_POST(self) -> None:
        """Create, preupload, LFS batch, LFS completion, commit."""
        if self._faulty():
            return
        path, body = unquote(urlsplit(self.path).path), self._body()
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return self._send({"errors": [], "warnings": []})
        if found := re.fullmatch(r"/api/datasets/(.+)/preupload/main", path):
            return self._preupload(found[1], json.loads(body))
        if re.fullmatch(r"/datasets/(.+)\.git/info/lfs/objects/batch", path):
            return self._batch(json.loads(body))
        if found := re.fullmatch(r"/lfs/complete/(\w+)", path):
            return self._complete(found[1], json.loads(body))
        if found := re.fullmatch(r"/api/datasets/(.+)/commit/main", path):
            return self._commit(found[1], body)
        if found := re.fullmatch(r"/api/datasets/(.+)/paths-info/[^/]+", path):
            there = self.state.repos[found[1]]
            asked = json.loads(body)["paths"] if body[:1] == b"{" else parse_qs(body.decode())["paths"]
            return self._send([self._entry(there, name) for name in asked if name in there.files])
        return self._send({"error": f"no route {path}"}, 404)

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        url = {"url": f"{self.state.url}/datasets/{name}"}
        if name in self.state.repos:
            return self._send({"error": "You already created this dataset repo", **url}, 409)
        private = asked.get("visibility") == "private" or asked.get("private") is True
        self.state.repos[name] = Repo(private)
        return self._send(url)

    def _preupload(self, repo: str, asked: dict[str, Any]) -> None:
        there = self.state.repos[repo]
        modes = [
            {
                "path": item["path"],
                "uploadMode": "lfs" if item["path"].endswith((".parquet", ".png")) else "regular",
                "shouldIgnore": False,
                "oid": self._entry(there, item["path"])["oid"] if item["path"] in there.files else None,
            }
            for item in asked["files"]
        ]
        self._send({"files": modes})

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = []
        for item in asked["objects"]:
            answer = dict(item)
            if item["oid"] not in self.state.objects:
                answer["actions"] = {"upload": self._upload_action(item["oid"], item["size"])}
            objects.append(answer)
        self._send({"transfer": "basic", "objects": objects}, headers={"Content-Type": "application/vnd.git-lfs+json"})

    def _upload_action(self, oid: str, size: int) -> dict[str, Any]:
        chunk = self.state.chunk_bytes
        if not chunk or size <= chunk:
            return {"href": f"{self.state.url}/lfs/{oid}"}
        parts = {str(n + 1): f"{self.state.url}/lfs/{oid}/{n + 1}" for n in range(-(-size // chunk))}
        return {"href": f"{self.state.url}/lfs/complete/{oid}", "header": {"chunk_size": str(chunk), **parts}}

    def do_PUT(self) -> None:
        """LFS upload, whole or a part; visibility."""
        if self._faulty():
            return
        path, body = urlsplit(self.path).path, self._body()
        if found := re.fullmatch(r"/lfs/(\w+)", path):
            return self._store(found[1], body)
        if found := re.fullmatch(r"/lfs/(\w+)/(\d+)", path):
            self.state.parts[found[1], int(found[2])] = body
            return self._send({}, headers={"ETag": f'"{blob_id(body)}"'})
        if found := re.fullmatch(r"/api/datasets/(.+)/settings", path):
            self.state.repos[found[1]].private = json.loads(body)["visibility"] == "private"
            return self._send({})
        return self._send({"error": f"no route {path}"}, 404)

    def _complete(self, oid: str, asked: dict[str, Any]) -> None:
        numbers = sorted(part["partNumber"] for part in asked["parts"])
        self._store(oid, b"".join(self.state.parts[oid, number] for number in numbers))

    def _store(self, oid: str, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != oid:
            return self._send({"error": "checksum"}, 422)
        self.state.objects[oid] = data
        self.state.uploads[oid] += 1
        self._send({})
        return self.state.after_upload()

    def _commit(self, name: str, body: bytes) -> None:
        repo = self.state.repos[name]
        lines = [json.loads(line) for line in body.splitlines() if line.strip()]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                repo.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.state.objects:
                    return self._send({"error": "LFS object missing"}, 422)
                repo.files[value["path"]] = self.state.objects[value["oid"]]
                repo.large[value["path"]] = value["oid"]
            elif line["key"] == "deletedFile":
                repo.files.pop(value["path"])
                repo.large.pop(value["path"], None)
        repo.commits.append(lines[0]["value"]["summary"])
        oid = hashlib.sha1(str(len(repo.commits)).encode(), usedforsecurity=False).hexdigest()
        return self._send({"commitOid": oid, "commitUrl": f"{self.state.url}/datasets/{name}/commit/{oid}"})

    def do_GET(self) -> None:
        """Repository info, tree, files with ranges."""
        if self._faulty():
            return
        path = unquote(urlsplit(self.path).path)
        if found := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)(/revision/[^/]+)?", path):
            return self._info(found[1])
        if found := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/tree/[^/]+(/.*)?", path):
            below = (found[2] or "/").strip("/")
            repo = self.state.repos[found[1]]
            recursive = "recursive=true" in self.path.lower()
            return self._send(self._listing(repo, below, recursive))
        if found := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
            return self._resolve(self.state.repos.get(found[1]), found[2])
        return self._send({"error": f"no route {path}"}, 404, {"X-Error-Code": "EntryNotFound"})

    do_HEAD = do_GET

    def _info(self, name: str) -> None:
        repo = self.state.repos.get(name)
        if repo is None:
            return self._send({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        sha = hashlib.sha1(str(len(repo.commits)).encode(), usedforsecurity=False).hexdigest()
        siblings = [{"rfilename": path} for path in sorted(repo.files)]
        about = {"id": name, "private": repo.private, "sha": sha, "siblings": siblings, "tags": [], "downloads": 0}
        return self._send(about)

    def _listing(self, repo: Repo, below: str, recursive: bool) -> list[dict[str, Any]]:
        prefix = f"{below}/" if below else ""
        inside = [path for path in sorted(repo.files) if path.startswith(prefix)]
        folders = {prefix + path[len(prefix) :].split("/")[0] for path in inside if "/" in path[len(prefix) :]}
        listed = [{"type": "directory", "path": folder, "oid": "0" * 40, "size": 0} for folder in sorted(folders)]
        return listed + [self._entry(repo, path) for path in inside if recursive or "/" not in path[len(prefix) :]]

    def _entry(self, repo: Repo, path: str) -> dict[str, Any]:
        data = repo.files[path]
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": blob_id(data)}
        if path in repo.large:
            entry["lfs"] = {"oid": repo.large[path], "size": len(data), "pointerSize": 130}
        return entry

    def _resolve(self, repo: Repo | None, path: str) -> None:
        if repo is None or path not in repo.files:
            return self._send({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        data = repo.files[path]
        headers = {
            "ETag": f'"{repo.large.get(path) or blob_id(data)}"',
            "X-Repo-Commit": "0" * 40,
            "Accept-Ranges": "bytes",
        }
        if found := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            first, last = int(found[1]), int(found[2] or len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{min(last, len(data) - 1)}/{len(data)}"
            return self._send(data[first : last + 1], 206, headers)
        return self._send(data, 200, headers)
